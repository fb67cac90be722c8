"""What `paddlemodel status` and `paddlemodel doctor` say, in Chinese; pure."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    ", ": "、",
    ", no ": "、",
    "; ": "；",
    ": ": "：",
    "none": "无",
    "unknown": "未知",
    # the table and the page of a model
    "{ready} of {models} Ready.": "{models} 个模型中 {ready} 个就绪。",
    "{ready} of {models} Ready; paddlemodel status NAME says why not.": (
        "{models} 个模型中 {ready} 个就绪；paddlemodel status NAME 会说明未就绪的原因。"
    ),
    "{name} is Ready: {reason}": "{name} 已就绪：{reason}",
    "{name} is not Ready: {reason}": "{name} 未就绪：{reason}",
    "Conditions": "状况",
    "none yet": "尚无",
    "Versions": "版本",
    "Last Events": "最近的事件",
    "generation {newest}": "第 {newest} 代",
    "what is applied is of generation {applied}": "已应用的是第 {applied} 代",
    "URL": "URL",
    "Replicas": "副本",
    "{replicas} ready": "{replicas} 就绪",
    "GPUs": "GPU",
    "Access": "访问控制",
    "Model": "模型",
    "Format": "格式",
    "Digest": "摘要",
    "Revision": "修订版本",
    "Spec": "规约",
    "not read": "未读到",
    "{current} of {target} ({source})": "{current} / {target}（{source}）",
    "Autoscaling {name}": "自动扩缩 {name}",
    "{type} {status}, {reason}, for {since}": "{type} {status}，{reason}，已持续 {since}",
    "not known: {why}": "未知：{why}",
    "no pods": "没有 Pod",
    "{ready} of {pods} ready": "{pods} 个中 {ready} 个就绪",
    " (canary)": "（金丝雀）",
    " (newest)": "（最新）",
    "none; Kubernetes forgets them after an hour": "无；Kubernetes 在一小时后清除事件",
    "{since} ago, {type}, {reason}": "{since} 之前，{type}，{reason}",
    # a rollout on that page
    "step {step}": "步骤 {step}",
    "weight {weight} %": "权重 {weight} %",
    "share {share} %": "实际占 {share} %",
    "Rollout": "上线",
    "Stable": "稳定版本",
    "Canary": "金丝雀版本",
    "Agreement": "一致性",
    "{agreed} of {compared} answers": "{compared} 个应答中 {agreed} 个一致",
    "{requests} requests, {errors} errors": "{requests} 个请求，{errors} 个错误",
    # what is known of the model
    "The model is being deleted, and its pods with it.": "模型及其 Pod 正在被删除。",
    "The operator has not handled the model yet: check that it runs; paddlemodel doctor does.": (
        "operator 尚未处理该模型：请检查它是否在运行；paddlemodel doctor 可以检查。"
    ),
    "The operator has not handled generation {newest} of the spec yet, but {seen}: if this lasts, check "
    "that it runs; paddlemodel doctor does.": (
        "operator 尚未处理规约的第 {newest} 代，已处理第 {seen} 代：若持续如此，请检查它是否在运行；"
        "paddlemodel doctor 可以检查。"
    ),
    "NAME is in one namespace: leave out -A, or name it with -n.": (
        "NAME 只在一个名字空间中：请去掉 -A，或用 -n 指定名字空间。"
    ),
    "There are no PaddleModels there; -A looks into all namespaces.": (
        "该处没有 PaddleModel；-A 会查看所有名字空间。"
    ),
    "there is no PaddleModel {name} in namespace {namespace}; paddlemodel status -A lists all.": (
        "名字空间 {namespace} 中没有 PaddleModel {name}；paddlemodel status -A 会列出全部。"
    ),
    "{text} is no name: lower-case letters, digits and - make one": (
        "{text} 不是名称：名称由小写字母、数字和 - 组成"
    ),
    # the cluster
    "no cluster can be reached: {error} Set KUBECONFIG or --kubeconfig.": (
        "无法访问任何集群：{error} 请设置 KUBECONFIG 或 --kubeconfig。"
    ),
    "the API server does not answer: check the kubeconfig, the context and the network. {said}": (
        "API 服务器没有应答：请检查 kubeconfig、上下文和网络。{said}"
    ),
    "the API server does not know who you are: log in again, as for kubectl.": (
        "API 服务器不认识您的身份：请重新登录，与使用 kubectl 时相同。"
    ),
    "you lack a right, ask for it: {said}": "您缺少一项权限，请申请：{said}",
    "the API server refuses: {said}": "API 服务器拒绝：{said}",
    "no Deployment has the label {label}: install the operator, as docs/install.md says, unless it runs "
    "outside the cluster.": (
        "没有 Deployment 带有标签 {label}：请按 docs/install.md 安装 operator，除非它在集群外运行。"
    ),
    "the operator is of another version than this program: {error}": "operator 与此程序的版本不同：{error}",
    # the doctor
    "ok": "正常",
    "failed": "失败",
    "not known": "未知",
    "Begin with the step {step}.": "请从步骤 {step} 开始处理。",
    "Nothing has failed; not known: {steps}.": "没有失败的步骤；未知的有：{steps}。",
    "Every step is ok, from the spec to the answer.": "从规约到应答，每一步都正常。",
    "generation {newest} is well-formed: {places}": "第 {newest} 代格式正确：{places}",
    "it has handled generation {seen}": "已处理第 {seen} 代",
    "{late} Does it run? {why}": "{late}它在运行吗？{why}",
    "{handled}; whether it runs now is not known: {why}": "{handled}；现在是否在运行未知：{why}",
    "It runs. {late} Its log: {logs}": "它在运行。{late}其日志：{logs}",
    "{operator} runs ({image})": "{operator} 在运行（{image}）",
    ", {holder} leads": "，{holder} 为领导者",
    "{operator} serves the namespaces {served} only: add {namespace} to the chart's value "
    "watchNamespaces, or install an operator for it.": (
        "{operator} 只服务名字空间 {served}：请将 {namespace} 加入 Chart 值 watchNamespaces，或为它安装一个 "
        "operator。"
    ),
    "Deployment {operator} has no ready pod: {logs} says why.": (
        "Deployment {operator} 没有就绪的 Pod：{logs} 会说明原因。"
    ),
    "No pod of Deployment {operator} holds the Lease by which one works: {logs} says why.": (
        "Deployment {operator} 没有 Pod 持有用以工作的 Lease：{logs} 会说明原因。"
    ),
    "the model has no {objects} of its own.": "模型没有属于自己的 {objects}。",
    "{through} of {all} pods": "{all} 个 Pod 中 {through} 个",
    "{pods} are on a node": "{pods} 已在节点上",
    "{pods} have begun": "{pods} 已开始运行",
    "{pods} have the model": "{pods} 已有模型",
    "{pods} have loaded it": "{pods} 已加载模型",
    "{pods} get traffic": "{pods} 正在接收流量",
    ". But {fault}": "。但是 {fault}",
    "nothing is recorded for it (spec.verification)": "没有为它录制请求（spec.verification）",
    "it comes after {step}, which failed.": "它在步骤 {step} 之后，而该步骤失败。",
    "it comes after {step}, which is not done yet.": "它在步骤 {step} 之后，而该步骤尚未完成。",
    "Service {name} leads to 1 ready pod": "Service {name} 通向 1 个就绪的 Pod",
    "Service {name} leads to {count} ready pods": "Service {name} 通向 {count} 个就绪的 Pod",
    "it leads to ready pods, and there is none.": "它通向就绪的 Pod，而现在没有就绪的 Pod。",
    "Service {name} leads nowhere although {pods} pods are ready: compare its selector with the pods' "
    "labels; kubectl get endpointslices -l {label}={name} shows where it leads.": (
        "Service {name} 没有通向任何 Pod，尽管有 {pods} 个 Pod 就绪：请比较其选择算符与 Pod 的标签；kubectl "
        "get endpointslices -l {label}={name} 会显示它通向何处。"
    ),
    "the number of pods is fixed (spec.autoscaling)": "Pod 数量固定（spec.autoscaling）",
    "the operator has not said anything about it yet.": "operator 尚未对此作出说明。",
    "the step spec failed, so what is meant is not known.": "步骤 spec 失败，因此不知道所要的是什么。",
    "{name} {current} of {target}": "{name} {current} / {target}",
    " ({readings})": "（{readings}）",
    "it has none (spec.ingress)": "没有 Ingress（spec.ingress）",
    "{host} is served at {places}": "{host} 在 {places} 提供服务",
    "the object is not there, as said above.": "如上所述，该对象不存在。",
    "no controller has published an address yet; some never do. If clients do not reach {host}: see the "
    "log of the Ingress controller.": (
        "尚无控制器公布地址；有些控制器从不公布。若客户端无法访问 {host}：请查看 Ingress 控制器的日志。"
    ),
    "there is {known}": "现有 {known}",
    "there is none at all": "一个也没有",
    "IngressClass {name} does not exist, {there}: install its controller, or correct "
    "spec.ingress.className.": (
        "IngressClass {name} 不存在，{there}：请安装其控制器，或更正 spec.ingress.className。"
    ),
    "no IngressClass is the cluster's default: set spec.ingress.className, or install a controller.": (
        "集群没有默认的 IngressClass：请设置 spec.ingress.className，或安装控制器。"
    ),
    "no Gateway leads to it (spec.gateway)": "没有 Gateway 通向它（spec.gateway）",
    "no pod is ready to be asked.": "没有就绪的 Pod 可以询问。",
    "GET {path} of pod {pod} answers {status}": "对 Pod {pod} 的 GET {path} 应答为 {status}",
    "{asked}, as spec.access wants: it is there, and asks who you are": (
        "{asked}，符合 spec.access 的要求：它在运行，并询问您的身份"
    ),
    "{asked}: see kubectl logs {pod}. It says: {said}": (
        "{asked}：请查看 kubectl logs {pod}。它的应答是：{said}"
    ),
    ", though not with a model's metadata": "，但内容不是模型的元数据",
    ": inputs {inputs}": "：输入 {inputs}",
    "the API server does not reach pod {pod} at port {port}, which clients may do all the same; a "
    "NetworkPolicy or a mesh can be why: {said}": (
        "API 服务器无法访问 Pod {pod} 的 {port} 端口，客户端却可能可以；原因可能是 NetworkPolicy 或服务网格："
        "{said}"
    ),
}
