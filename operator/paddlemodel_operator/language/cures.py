"""Meaning and cure of every reason of a condition, in Chinese; pure.

The words are those of Kubernetes' Chinese documentation. Fields, kinds and commands stay as one types them.
"""

from collections.abc import Mapping
from typing import Final

from paddlemodel_operator.language.image_cures import OF_IMAGES

OF_READY: Final[Mapping[str, str]] = {
    "Serving": "模型正在提供服务，至少有一个 Pod 应答。",
    "NoPodReady": "没有任何版本的 Pod 应答；Ready 状况会说明原因。",
    "Progressing": "尚未发现错误：正在写入对象，或正在获取、加载模型。请等待。",
    "Applying": "正在创建或更改 Deployment。请等待。",
    "Complete": "所有 Pod 都是最新版本且已就绪。",
    "RollingOut": "正在滚动更新，Pod 逐个被替换为最新版本。请等待。",
    "ScaledToZero": "spec.replicas 为 0。请调高它。",
    "Paused": "模型已暂停，spec 的更改尚未生效。请移除注解 paddlemodel.dev/paused。",
    "Annotated": "模型已暂停，operator 不更改它的任何对象。请移除注解 paddlemodel.dev/paused 以恢复。",
    "CanaryProgressing": "金丝雀版本正在启动，或处于某一步骤；提供服务的仍是先前版本。请等待。",
    "CanaryPaused": "由于注解 paddlemodel.dev/rollout，金丝雀版本停在当前步骤。移除该注解即可继续。",
    "AwaitingApproval": "金丝雀版本已通过所有步骤，而 approval 为 Manual。请按详情中的命令将其转正或中止。",
    "CanaryNoTraffic": "请求太少，无法评判金丝雀版本。请发送请求，调低 minRequests，或设置 onNoTraffic。",
    "CanaryUnmeasured": (
        "无法读取 Pod 的计数器，金丝雀版本因此不再推进。请允许 operator 访问 Pod 的 8081 端口。"
    ),
    "StableUnhealthy": "先前版本同样失败，无从比较。请修复两者共同依赖的部分，或将金丝雀版本转正。",
    "CanaryPromoting": "金丝雀版本已通过，它的 Pod 正在取代先前版本的 Pod。请等待。",
    "CanaryAborted": "金丝雀版本已中止，且不会自行重试；详情会说明原因以及如何重试。",
    "VersionGivenUp": (
        "新版本的 Pod 反复崩溃或未通过校验，滚动更新已放弃该版本并收回其 Pod；先前版本继续提供服务。"
        "它不会自行重试：请更正 spec 或恢复先前的 spec，详情会说明原因以及如何重试。"
    ),
    "InvalidSpec": "spec 符合模式但无法提供服务，详情会指出字段。请更正该字段；先前运行的内容继续运行。",
    "NameConflict": (
        "同名对象已存在且不属于 operator，operator 不会改动它。请删除或重命名该对象，或更换模型名称。"
    ),
    "ChildInvalid": (
        "API 服务器拒绝了某个对象，例如由于某个原样传递的 Kubernetes 字段。请更正详情中指出的字段。"
    ),
    "SelectorImmutable": (
        "Deployment 的选择算符来自另一版本的 operator，且无法更改。请删除该 Deployment；operator 会重新创建。"
    ),
    "OperatorForbidden": "operator 缺少权限。请重新安装 Chart 的 ClusterRole。",
    "NamespaceTerminating": "名字空间正在被删除，其中不会再创建任何对象。",
    "QuotaExceeded": "名字空间的 ResourceQuota 已用尽。请提高配额，或调低 spec.resources。",
    "PodSecurity": "名字空间的 Pod 安全级别禁止这些 Pod。请更改 spec.pod 或该级别。",
    "AdmissionDenied": "集群的 Webhook 或策略拒绝了某个对象或 Pod。请按详情更正。",
    "ServiceAccountMissing": (
        "spec.pod.serviceAccountName 所指的 ServiceAccount 不存在。请创建它，或更正名称。"
    ),
    "NoGPU": (
        "没有节点有足够的空闲 GPU（spec.gpu.resourceName）。请添加 GPU 节点或安装设备插件，释放 GPU，或将 "
        "spec.device 设为 CPU。"
    ),
    "ClaimMissing": "spec.model 所指的 PersistentVolumeClaim 不存在。请创建它，或更正名称。",
    "Unschedulable": "没有节点可以接纳 Pod。请调低 spec.resources.requests，更改 spec.pod，或添加节点。",
    "ImagePull": "节点无法拉取服务器镜像。请检查 Chart 中的镜像值和 spec.pod.imagePullSecrets。",
    "PodConfig": "无法创建容器，例如由于缺少 spec.pod.env 引用的 Secret。请检查 spec.pod，尤其是 env。",
    "SecretMissing": "spec.access 所指的 Secret 不存在，或为空。请创建它。",
    "FetchFailed": "获取程序失败，且没有给出原因。请查看其日志。",
    "FetchOOMKilled": "获取程序内存不足。请提高 spec.resources.limits.memory。",
    "OOMKilled": "服务器内存不足而被终止。请提高 spec.resources.limits.memory，或调低 maxBatchSize。",
    "CrashLoop": "服务器每次启动后很快就结束，且没有给出原因。请查看其日志。",
    "Stuck": "Pod 已有 30 分钟没有进展，且没有报告原因。请用 kubectl describe pod 查看。",
    "ServerNotReady": "服务器在运行，但 30 分钟内未就绪。请用 kubectl logs 查看它在等待什么。",
    "NotObserved": (
        "operator 尚未处理最新的 spec。若持续如此，请检查 operator 是否在运行；paddlemodel doctor 可以检查。"
    ),
    "Deleting": "模型及其 Pod 正在被删除。",
    "Unknown": "未给出原因。",
}

OF_FETCHED: Final[Mapping[str, str]] = {
    "Fetched": "Pod 已获取模型。",
    "Pending": "尚无 Pod 获取到模型。请等待。",
    "PodsDiffer": (
        "内容在各 Pod 启动之间发生了变化，Pod 提供的内容摘要不同。"
        "请将 digest 设为所需的值，或重启 Deployment。"
    ),
    "CacheFull": "模型未能保存到缓存的 PersistentVolumeClaim：空间已满。请扩大它，或减少保存的模型。",
    "CacheReadOnly": "模型未能保存到缓存的 PersistentVolumeClaim：不可写。请以 Pod 的用户可写的方式挂载它。",
    "CacheFailed": "模型未能保存到缓存的 PersistentVolumeClaim。请检查该卷。",
}

OF_VERIFIED: Final[Mapping[str, str]] = {
    "Verified": "每个就绪的 Pod 对录制的请求都给出了与录制一致的应答。",
    "Pending": "尚无 Pod 执行到录制的请求。请等待。",
    "PodDisagrees": "某个 Pod 的应答与录制不符，而同版本的其他 Pod 相符。请检查它所在的节点。",
}

OF_UPDATES: Final[Mapping[str, str]] = {
    "NotChecked": "CronJob 的 Pod 尚未结束过。请等待，或运行 kubectl create job now --from=cronjob/NAME。",
    "UpToDate": "URI 处的修订版本就是 Pod 所提供的版本。",
    "NewContent": "URI 处有另一修订版本；详情会说明如何采用它。",
    "RollingOut": "正在为另一修订版本替换 Pod（updatePolicy: Auto）。请等待。",
    "NotServed": "没有 Pod 报告它提供的是哪个修订版本。",
    "CheckFailed": "检查已结束而没有给出原因，或它的 Pod 无法启动。请查看其日志。",
}

OF_ACCESS: Final[Mapping[str, str]] = {
    "Configured": "spec.access 在每个就绪的 Pod 中都已生效。",
    "Pending": "尚无最新版本的 Pod 就绪。请等待。",
    "Open": "凡能从集群外访问模型者都可以使用它。请设置 spec.access.apiKeys 或 jwt。",
    "NetworkPolicyMissing": (
        "spec.access.network 的 NetworkPolicy 不存在；没有它，operator 不会创建 Pod。若持续如此，Ready 状况会"
        "说明原因。"
    ),
    "ApiKeysOutdated": "spec.access.apiKeys 的 Secret 已变得不可用，先前的密钥仍然有效。请修复该 Secret。",
    "JwtKeysOutdated": "spec.access.jwt.keys 的公钥无法再获取或使用，先前的公钥仍然有效。请修复其来源。",
    "SharedLimitsDown": "spec.access.sharedLimits 没有应答，每个 Pod 各自计数。请检查地址、密码和网络。",
    "CertificateOutdated": "spec.access.tls 的 Secret 已变得不可用，先前的证书仍在使用。请修复该 Secret。",
}

OF_ROUTE: Final[Mapping[str, str]] = {
    "Accepted": "spec.gateway.parentRefs 中的每个 Gateway 都接受了 HTTPRoute。",
    "Pending": (
        "还没有 HTTPRoute，或尚无控制器对它作出说明。若持续如此：Gateway 必须存在，其类的控制器必须在运行。"
    ),
    "GatewayAPIMissing": (
        "集群不认识 HTTPRoute 这一类别。请安装 Gateway API 的定义和控制器，或改用 spec.ingress。"
    ),
    "NotAccepted": "控制器拒绝了 HTTPRoute，且没有给出原因。请更正 spec.gateway，或 Gateway 所允许的内容。",
}

OF_AUTOSCALING: Final[Mapping[str, str]] = {
    "Active": "自动扩缩器能读取指标，并设置 Pod 数量。若有目标无法读取，详情会指出。",
    "Pending": "尚未发现错误：自动扩缩器正在创建，或将在 15 秒内评估指标。请等待。",
    "NoReadyPods": "没有就绪的 Pod，因此没有 Pod 报告负载；Ready 状况会说明原因。",
    "AutoscalerMissing": "API 服务器或 KEDA 拒绝了 HorizontalPodAutoscaler 或 ScaledObject。请按详情更正。",
    "MetricsAPIMissing": "没有服务器注册来源所需的指标 API。请安装一个，或选择其他 metricsSource。",
    "MetricsAPIUnavailable": "提供指标 API 的服务器没有应答。请查看其日志。",
    "MetricsAPIOwnedByOther": (
        "另一服务器提供 custom.metrics.k8s.io，operator 的适配器因此退让。请移除对方，或将 metricsSource 设为"
        " prometheusAdapter、keda 或 none。"
    ),
    "PodsUnreachable": "无法访问 Pod 的 8081 端口。请检查 NetworkPolicy 和服务网格。",
    "SeriesMissing": (
        "指标没有被提供：服务器镜像太旧，或读取 Pod 指标者无法访问 Pod 或没有相应规则；详情会指出是哪一种。"
    ),
    "GPUMetricsFailed": "NVIDIA 的库在 Pod 中没有报告任何信息；详情会说明缺少的是驱动、设备还是库。",
    "GPUMetricsOnMIG": "GPU 是 MIG 切片，不报告利用率。请改用 busyRatio 作为目标。",
    "MetricsServerMissing": "cpuUtilization 需要 metrics-server。请安装或修复它。",
    "KEDAMissing": "集群不认识 ScaledObject 这一类别。请安装 KEDA，或将 metricsSource 设为 builtin。",
    "ScaledObjectPaused": "KEDA 因 ScaledObject 的注解而暂停。请移除该注解。",
    "ScalingDisabled": "Deployment 已被缩容到 0，自动扩缩器因此停止。将它扩容到 1 即可重新启动。",
    "AmbiguousSelector": "另一个 HorizontalPodAutoscaler 扩缩同样的 Pod。请删除它。",
}

OF_POD: Final[Mapping[str, str]] = {**OF_IMAGES, **OF_READY}
"""What Ready may say, and every condition that repeats a fault of the pods."""
OF_TYPE: Final[Mapping[str, Mapping[str, str]]] = {
    "Ready": OF_POD,
    "Reconciling": OF_POD,
    "Stalled": OF_POD,
    "Available": OF_READY,
    "Progressing": OF_POD,
    "Paused": OF_READY,
    "ModelFetched": {**OF_POD, **OF_FETCHED},
    "ModelVerified": {**OF_POD, **OF_VERIFIED},
    "ModelUpdateAvailable": {**OF_POD, **OF_UPDATES},
    "AccessConfigured": {**OF_POD, **OF_ACCESS},
    "RouteAccepted": OF_ROUTE,
    "AutoscalingActive": OF_AUTOSCALING,
}
"""By the type of the condition. What controllers and autoscalers say of their own is theirs, and stays."""
