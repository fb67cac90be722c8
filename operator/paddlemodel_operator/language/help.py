"""What `paddlemodel --help` and the help of each command say, in Chinese; pure.

By blocks, in English without their line breaks; behind commands, by what stands behind them.
"""

from collections.abc import Mapping
from typing import Final

_COMMANDS: Final[Mapping[str, str]] = {
    "usage: ": "用法：",
    "usage: paddlemodel COMMAND ...": "用法：paddlemodel COMMAND ...",
    "Works with PaddleModels: a YAML, or models in a cluster, which it reaches as kubectl does. With "
    "kubectl on the PATH, `kubectl paddlemodel COMMAND` is the same.": (
        "处理 PaddleModel：一份 YAML，或集群中的模型；访问集群的方式与 kubectl 相同。\n"
        "若 kubectl 在 PATH 中，`kubectl paddlemodel COMMAND` 的效果相同。"
    ),
    "serve the model on this machine, without a cluster: the same fetch, the same server": (
        "不用集群，在本机上提供模型服务：同样的获取程序，同样的服务器"
    ),
    "print the objects that the operator would make of it, without a cluster": (
        "不用集群，打印 operator 会由它创建的对象"
    ),
    "show what it would change in a cluster, object by object": "逐个对象显示它会在集群中更改什么",
    "show which models of a cluster are Ready, and of one everything that is known": (
        "显示集群中哪些模型已就绪，以及某个模型的全部已知信息"
    ),
    "follow a model from its spec to an answer, and say what is wrong and what to do": (
        "从规约到应答逐步检查模型，说明哪里有错以及该做什么"
    ),
    "print what all pods of a model write": "打印模型所有 Pod 的日志",
    "show how busy models are: requests, time, queue, GPUs, memory": (
        "显示模型的繁忙程度：请求、时间、队列、GPU、内存"
    ),
    "print what bash or zsh needs to complete all this": "打印 bash 或 zsh 补全以上命令所需的脚本",
    "print the version": "打印版本",
    "print this; `paddlemodel COMMAND --help` explains a command, with examples": (
        "打印本页；`paddlemodel COMMAND --help` 以示例说明一个命令"
    ),
    "A first look, without a cluster and with one:": "初次体验，不用集群和使用集群：",
    "Exit codes: 0 done; 1 it could not be done, with one sentence on standard error; 2 the command line "
    "or the YAML is wrong. Of diff, status and doctor 1 is an answer: it differs, is not Ready, is not "
    "well.": (
        "退出码：0 完成；1 未能完成，标准错误中有一句说明；2 命令行或 YAML 有误。\n对 diff、status 和 doctor "
        "来说，1 是一种回答：有差异、未就绪、不正常。"
    ),
}

_COMPLETION: Final[Mapping[str, str]] = {
    "Print a script by which bash or zsh completes commands, options, their values and file names.": (
        "打印一个脚本，bash 或 zsh 用它补全命令、选项、选项的值和文件名。"
    ),
    "in ~/.bashrc; needs the package bash-completion": "写入 ~/.bashrc；需要软件包 bash-completion",
    "once; then a new shell": "执行一次，然后打开新的 shell",
    "Exit codes: 0 printed; 2 the command line is wrong.": "退出码：0 已打印；2 命令行有误。",
    "for which one": "用于哪一种",
}

_DIFF: Final[Mapping[str, str]] = {
    "Show what the PaddleModels of a file would change in the cluster, as a unified diff for each object: "
    "the PaddleModel, and the objects that the operator would make of it, change or delete.": (
        "显示文件中的 PaddleModel 会在集群中更改什么，每个对象一份统一格式的差异：\nPaddleModel 本身，以及 "
        "operator 会由它创建、更改或删除的对象。"
    ),
    "The API server answers a dry run and keeps nothing. It needs your rights to get, list and patch "
    "PaddleModels, Services, Deployments and the others. The operator's settings, such as the images, are "
    "read from its Deployment; where you may not, from the variables PADDLEMODEL_OPERATOR_*. Signatures "
    "and logins in URIs, and values of variables that are called like a secret, are not shown.": (
        "API 服务器只做试运行，不保存任何内容。它需要您对 PaddleModel、Service、Deployment 等对象的 get、"
        "list 和 patch 权限。\noperator 的设置，例如镜像，从它的 Deployment 读取；若您无权读取，则取自变量 "
        "PADDLEMODEL_OPERATOR_*。\nURI 中的签名和登录信息，以及名称像机密的变量的值，都不会显示。"
    ),
    "without a cluster: the objects themselves": "不用集群：对象本身",
    "Exit codes, as of kubectl diff: 0 nothing would change; 1 something would; 2 it cannot be said, and "
    "one sentence says why.": (
        "退出码与 kubectl diff 相同：0 没有更改；1 有更改；2 无法判断，并有一句说明原因。"
    ),
}

_DOCTOR: Final[Mapping[str, str]] = {
    "Follow a model from its spec to an answer, and say of each step whether it is well, and where it is "
    "not, why and what to do: spec, operator, objects, pods, image, fetch, load, verification, ready, "
    "service, autoscaling, ingress, gateway, answer. For the last one a ready pod is asked for its "
    "model's metadata, through the API server.": (
        "从规约到应答逐步检查模型，说明每一步是否正常；若不正常，说明原因以及该做什么：\nspec、operator、"
        "objects、pods、image、fetch、load、verification、ready、service、autoscaling、ingress、gateway、"
        "\nanswer。最后一步通过 API 服务器向一个就绪的 Pod 询问其模型的元数据。"
    ),
    'It reads with your rights; what they do not suffice for is "not known", and the right is named.': (
        "它以您的权限读取；权限不足之处显示为“未知”，并指出所缺的权限。"
    ),
    "Exit codes: 0 every step is ok; 1 one has failed or is not known; 2 the model cannot be read, and "
    "one sentence says why.": (
        "退出码：0 每一步都正常；1 有步骤失败或未知；2 无法读取模型，并有一句说明原因。"
    ),
}

_LOGS: Final[Mapping[str, str]] = {
    "Print the logs of all pods of a model, each line with its pod in front; with --fetch also those of "
    "the fetchers, which brought the model.": (
        "打印模型所有 Pod 的日志，每行之前是其 Pod；加上 --fetch 时也打印获取模型的程序的日志。"
    ),
    "what goes wrong from now on, in new pods, too": "从现在起出错的内容，也包括新的 Pod",
    "of servers that have crashed": "已崩溃的服务器的日志",
    "A line without a level, such as the last words of a crash, passes every --level.": (
        "没有级别的行，例如崩溃前的最后输出，不受 --level 限制。"
    ),
    "Exit codes: 0 printed; 1 the log of a pod cannot be read, and one sentence on standard error says "
    "why; 2 the command line is wrong, or there is no such model.": (
        "退出码：0 已打印；1 无法读取某个 Pod 的日志，标准错误中有一句说明；2 命令行有误，或没有该模型。"
    ),
    "go on until Ctrl-C, also with new pods": "持续到按下 Ctrl-C，也包括新的 Pod",
    "also what the fetchers wrote": "也打印获取程序的日志",
    "of the containers before their last restart": "容器上次重启之前的日志",
    "not what is older, such as 90s, 10m or 1h30m": "不打印更早的内容，例如 90s、10m 或 1h30m",
    "only the last N lines of each pod": "每个 Pod 只打印最后 N 行",
    "this one and what is worse": "该级别及更严重的级别",
    "json: the lines as they were written": "json：按原样打印各行",
}

_RENDER: Final[Mapping[str, str]] = {
    "Print the objects that the operator would apply for the PaddleModels of a file, as YAML.": (
        "以 YAML 打印 operator 会为文件中的 PaddleModel 应用的对象。"
    ),
    "No cluster is asked. The operator's own settings, such as the images, are read from the variables "
    "PADDLEMODEL_OPERATOR_*, as the operator reads them. The uid in ownerReferences is zeros here: the "
    "cluster gives the real one. A spec that the operator would refuse is refused here, with the same "
    "sentence.": (
        "不访问集群。operator 自身的设置，例如镜像，与 operator 一样从变量 PADDLEMODEL_OPERATOR_* 读取。\n此"
        "处 ownerReferences 中的 uid 全为零：真实的值由集群给出。operator 会拒绝的规约在此同样被拒绝，说明也"
        "相同。"
    ),
    "what would change, next to what is there": "与现有内容相比会有什么更改",
    "Exit codes: 0 printed; 2 the file or a model in it is wrong, and one sentence says why.": (
        "退出码：0 已打印；2 文件或其中的模型有误，并有一句说明原因。"
    ),
    "a YAML with PaddleModels, or - for standard input": "含有 PaddleModel 的 YAML，或用 - 表示标准输入",
    "of models that name none (default: default)": "未指定名字空间的模型所用的名字空间（默认：default）",
}

_RUN: Final[Mapping[str, str]] = {
    "Fetch the model of a YAML, and serve it on this machine until Ctrl-C, as its pods would.": (
        "获取一份 YAML 中的模型，像其 Pod 那样在本机上提供服务，直到按下 Ctrl-C。"
    ),
    "What only a cluster does is left out, and said: replicas, autoscaling, Ingress, limits of CPU and "
    "memory. What is fetched stays in ~/.cache/paddlemodel/run, so that a second run begins at once. The "
    "server must be beside this program: pip install ./crds ./operator ./serving_image paddlepaddle.": (
        "只有集群才做的事会略去，并加以说明：副本、自动扩缩、Ingress、CPU 和内存限制。\n获取的内容保留在 "
        "~/.cache/paddlemodel/run 中，因此第二次运行会立即开始。\n服务器必须与此程序装在一起：pip install "
        "./crds ./operator ./serving_image paddlepaddle。"
    ),
    "a folder or archive in place of spec.model.uri": "用文件夹或归档文件代替 spec.model.uri",
    "./login/accessKeyId, ... in place of a Secret": "用 ./login/accessKeyId 等文件代替 Secret",
    "Exit codes: 0 stopped; 1 it could not be fetched or served, and the last line says why; 2 the "
    "command line or the YAML is wrong.": (
        "退出码：0 已停止；1 无法获取或提供服务，最后一行说明原因；2 命令行或 YAML 有误。"
    ),
    "a YAML with a PaddleModel, or - for standard input": "含有一个 PaddleModel 的 YAML，或用 - 表示标准输入",
    "which one, where FILE has several": "若 FILE 中有多个模型，选哪一个",
    "where the model is, in place of spec.model.uri and its digest": (
        "模型的位置，代替 spec.model.uri 及其摘要"
    ),
    "the same of a further model of the task, such as recognition of ocr": (
        "任务的其他模型的位置，例如 ocr 的 recognition"
    ),
    "where clients ask, on 127.0.0.1 (default 8080)": "客户端请求的端口，在 127.0.0.1 上（默认 8080）",
    "in place of spec.device": "代替 spec.device",
    "a folder in place of a Secret, a file for each key": "代替 Secret 的文件夹，每个键一个文件",
    "a folder in place of a ConfigMap, a file for each key": "代替 ConfigMap 的文件夹，每个键一个文件",
    "a folder in place of a PersistentVolumeClaim": "代替 PersistentVolumeClaim 的文件夹",
}

_STATUS: Final[Mapping[str, str]] = {
    "Show which PaddleModels are Ready, as a table; or of one everything that is known: each condition "
    "with its reason and cure, versions, replicas, address, digest, autoscaling, the last Events.": (
        "以表格显示哪些 PaddleModel 已就绪；或显示某个模型的全部已知信息：\n"
        "每个状况及其原因和解决办法、版本、副本、地址、摘要、自动扩缩、最近的事件。"
    ),
    "of the context's namespace": "上下文的名字空间中的模型",
    "of all namespaces": "所有名字空间中的模型",
    "Exit codes: 0 every model that is shown is Ready; 1 one is not; 2 it cannot be said, and one "
    "sentence says why. A model whose newest spec the operator has not handled yet is not Ready.": (
        "退出码：0 所显示的每个模型都已就绪；1 有模型未就绪；2 无法判断，并有一句说明原因。\noperator 尚未处"
        "理其最新规约的模型视为未就绪。"
    ),
    "a model; by default all": "一个模型；默认为全部",
    "by default text": "默认为 text",
}

_TOP: Final[Mapping[str, str]] = {
    "Show how busy models are, or the pods of one: requests answered per second, and the time within "
    "which 95 of 100 were answered, over the seconds between two looks; and at the second look what is "
    "being computed, what waits, GPUs and memory.": (
        "显示各模型或某个模型的各 Pod 的繁忙程度：两次读取之间每秒应答的请求数，以及 100 个请求中 95 个得到应"
        "答所需的时间；\n还有第二次读取时正在计算的、正在等待的，以及 GPU 和内存。"
    ),
    "The numbers are those of the pods' own metrics, read through the API server, which needs your right "
    "to get pods/proxy. Without it, the metrics adapter is asked (custom.metrics.k8s.io): it knows "
    "neither QPS nor P95 nor MEMORY. Standard error says which it was. A dash is a number that no pod "
    "exports.": (
        "这些数值取自 Pod 自身的指标，通过 API 服务器读取，需要您对 pods/proxy 的 get 权限。\n若无此权限，则"
        "询问指标适配器（custom.metrics.k8s.io）：它不提供 QPS、P95 和 MEMORY。\n标准错误会说明用的是哪一种。"
        "短横线表示没有 Pod 导出该数值。"
    ),
    "each pod of one model, over ten seconds": "一个模型的每个 Pod，历时十秒",
    "Exit codes: 0 printed; 1 no metric of a pod can be read, and one sentence says why; 2 the command "
    "line is wrong, or there is no such model.": (
        "退出码：0 已打印；1 无法读取任何 Pod 的指标，并有一句说明原因；2 命令行有误，或没有该模型。"
    ),
    "a model, of which every pod is shown": "一个模型，显示其每个 Pod",
    "the models of all namespaces": "所有名字空间中的模型",
    "between the two looks (default 2)": "两次读取之间的秒数（默认 2）",
}

_SHARED: Final[Mapping[str, str]] = {
    "examples:": "示例：",
    "positional arguments": "位置参数",
    "options": "选项",
    "show this help message and exit": "显示此帮助信息并退出",
    "by default the context's": "默认为上下文的名字空间",
    "of the kubeconfig; by default its current one": "kubeconfig 中的上下文；默认为当前上下文",
    "by default KUBECONFIG, else ~/.kube/config, else the pod's own": (
        "默认为 KUBECONFIG，否则为 ~/.kube/config，再否则为 Pod 自己的"
    ),
    "of the PaddleModel": "PaddleModel 的名称",
}

HELP: Final[Mapping[str, str]] = {
    **_COMMANDS,
    **_SHARED,
    **_COMPLETION,
    **_DIFF,
    **_DOCTOR,
    **_LOGS,
    **_RENDER,
    **_RUN,
    **_STATUS,
    **_TOP,
}
