"""Meaning and cure of the reasons that fetcher and server give, in Chinese; pure."""

from collections.abc import Mapping
from typing import Final

_OF_FETCHER: Final[Mapping[str, str]] = {
    "ChangedWhileFetched": "文件在获取期间不断变化。请将新版本写到新的位置，待其完整后再引用它。",
    "CredentialsMissing": "凭据 Secret 不存在，或没有键。请创建它。",
    "DamagedArchive": "无法读取归档文件。请重新打包并上传。",
    "DigestMismatch": "模型的摘要与 spec 中的 digest 不符。请更正其中之一。",
    "DiskError": "无法读写卷。请检查该卷。",
    "EncryptedArchive": "归档文件已加密。请重新打包，不设密码。",
    "InvalidCredentials": "凭据 Secret 的内容不可用。请更正该 Secret。",
    "InvalidDigest": "digest 必须是 sha256: 加 64 位十六进制数字。请更正它。",
    "InvalidEndpoint": "endpoint 或寻址方式不可用。请更正它。",
    "InvalidProxy": "代理变量没有给出可用的代理。请写成 http://HOST:PORT。",
    "InvalidUri": "URI 不可用。请更正 URI。",
    "NoSpace": "卷已满。请提高 Pod 的 ephemeral-storage，或使用更小的模型。",
    "NotAFolder": "URI 以斜线结尾，但服务器没有给出目录索引页。请让服务器列出目录，或直接写归档文件的地址。",
    "NotAllowed": "服务器不允许读取。请检查凭据 Secret 和 URI。",
    "NotAnArchive": "该文件不是模型的归档文件。请更正 URI，或重新打包。",
    "NotFound": "该处没有此文件、文件夹或修订版本。请更正 URI。",
    "NotPermitted": "Pod 的用户无权访问该文件。请更改其权限。",
    "NoRevision": (
        "该处不给出修订版本，因此无法察觉新内容。请让服务器给出 ETag 或修改时间，或将 updatePolicy 设为 "
        "Pinned。"
    ),
    "RefusedRedirect": "服务器的重定向不被跟随。请使用文件本身的 URI。",
    "TargetInTheWay": "目标文件夹已被占用，或与来源重叠。请换一个文件夹。",
    "TooLarge": "模型超过了允许的大小。归档文件或文件夹中请只保留模型的文件。",
    "TooManyFiles": "文件太多。请在 URI 中只写模型的文件夹。",
    "TruncatedList": "该处列出的文件不完整。请在 URI 中写出模型的文件夹。",
    "UnexpectedAnswer": "服务器的应答出乎意料。请更正 URI，并检查凭据 Secret。",
    "Unreachable": "下载多次失败。请检查 URI，以及 Pod 能否访问该地址。",
    "UnsafeArchive": "归档文件含有不安全的路径或条目。请只用模型的普通文件重新打包。",
    "UnsafeLink": "某个链接指向文件夹之外。请把它所指的文件放进来，或移除该链接。",
    "UnsafeListing": "该处列出了不可用的文件名。请在该处重命名。",
    "UnsupportedImage": "该镜像的形式不受支持。请用 paddlemodel-server pack 或 ORAS 重新推送。",
    "UnsupportedScheme": "URI 的形式不受支持。请更正 URI。",
    "UntrustedCertificate": "对方的证书不受信任。请在 SSL_CERT_FILE 中给出其颁发机构的文件，或更正地址。",
    "UnusedOption": "这种 URI 用不到所给的选项或 Secret。请移除它，或更正 URI。",
    "WrongRegion": "存储桶在另一地域。请写出它的地域，或更正 endpoint。",
}

_OF_MODEL_FILES: Final[Mapping[str, str]] = {
    "ConfigurationNotUnderstood": (
        "模型旁的配置文件含有此服务器不认识的内容。请在 spec.task 中写出任务及其字段。"
    ),
    "ConfigurationUnreadable": "无法使用模型旁的配置文件。请重新导出，或在 spec.task 中写出任务及其字段。",
    "DictionaryMissing": "无法读取字典文件。请将它以 UTF-8 文本放入模型文件夹，或在字段中直接列出内容。",
    "EmptyFile": "文件为空。请重新复制导出的文件。",
    "FeaturesUnreadable": "特征文件不含均值和方差。请更正该文件，或更正指向它的字段。",
    "GitLfsPointer": "该文件只是 Git LFS 指针。请先运行 git lfs pull，再复制模型。",
    "LabelsMissing": "无法读取标签文件，或它为空。请将它以 UTF-8 文本放入模型文件夹，或使用字段 labels。",
    "MixedFiles": "程序与参数来自两次导出。请复制同一次导出的两个文件。",
    "NewerPaddle": "模型由更新版本的 PaddlePaddle 导出。请用 PaddlePaddle 3.3 导出，或使用更新的服务器镜像。",
    "NoModel": "没有找到模型的程序及参数文件。请用 paddle.jit.save 导出模型，或更正 URI。",
    "NotAProgram": "该文件不是 Paddle 程序。请用 paddle.jit.save 重新导出模型。",
    "NotParameters": "文件已损坏，或不含 Paddle 参数。请重新复制导出的文件。",
    "OldModelFormat": "模型是 PaddlePaddle 1 的格式。请用 paddle.jit.save 重新导出。",
    "OtherPaddle": "服务器的 Paddle 不认识该模型的内容。请用 PaddlePaddle 3.3 导出，或使用更新的服务器镜像。",
    "ParamsMissing": "程序旁没有参数文件。请添加同一次导出的 .pdiparams。",
    "ProgramMissing": "参数旁没有程序文件。请添加 .json 或 .pdmodel。",
    "RepeatedName": (
        "模型的两个输入或输出同名，Paddle 无法加载。请让 forward 返回 paddle.assign(x)，然后重新导出。"
    ),
    "SeveralModels": "该处有多个模型。请在 URI 中写出其中一个，或让每个模型有自己的文件夹。",
    "TokenizerMissing": (
        "任务需要模型旁的分词器。请将 tokenizer.json 或 vocab.txt 放入模型文件夹，或使用任务 tensors。"
    ),
    "TokenizerUnreadable": "无法使用模型旁的分词器。请重新导出。",
    "TruncatedFile": "文件已损坏或不完整。请重新复制导出的文件。",
    "UnknownOperator": (
        "模型使用了服务器的 Paddle 所没有的算子。请用 PaddlePaddle 3.3 导出，或使用相应的服务器镜像。"
    ),
    "UnreadableProgram": "无法读取程序的输入和输出。请用 paddle.jit.save 重新导出模型。",
    "UnsupportedDtype": "模型含有不受支持的数据类型。请用受支持的类型导出模型。",
    "VocabularyMissing": "无法读取词表文件。请将它以 UTF-8 文本放入模型文件夹，或更正 vocabularyFile。",
}

_OF_SERVER: Final[Mapping[str, str]] = {
    "ApiKeysInvalid": "API 密钥不可用。请更正 Secret 中的条目。",
    "ApiKeysMissing": "没有 API 密钥。请在 Secret 中为每个客户端加一个条目：名称和密钥。",
    "BadSample": "预热请求不适合该模型。请更正或移除该文件。",
    "CannotListen": "服务器无法监听其地址。请检查端口。",
    "CertificateInvalid": "证书不可用。tls.crt 应为 PEM 证书链，其首个证书与 tls.key 相配，且密钥没有密码。",
    "CertificateMissing": "没有证书。Secret 应含 tls.crt 和 tls.key，与 kubernetes.io/tls 类型相同。",
    "CustomTasksNotAllowed": (
        "任务 custom 会运行模型旁的代码，而这里不允许。请设置 Chart 值 customTasks.allowed，或使用其他任务。"
    ),
    "HandlerUnusable": "无法使用模型旁的处理代码。请更正它，或使用其他任务。",
    "HttpWorkersEnded": "HTTP 工作进程意外结束。请查看日志。",
    "HttpWorkersFailed": "HTTP 工作进程无法启动。请查看日志。",
    "InternalError": "程序意外失败。请查看其日志。",
    "InvalidSettings": "服务器的某项设置不可用。请按详情更正。",
    "JwtKeysInvalid": "签发者的公钥不可用。它们应是 JSON Web Key Set，且只含公钥。",
    "JwtKeysMissing": "没有签发者的公钥。请创建 ConfigMap，或检查 uri 是否正确、Pod 能否访问它。",
    "ModelDoesNotLoad": "Paddle 无法加载该模型。请按详情更正，或重新导出。",
    "ModelDoesNotRun": "模型在首次运行时失败。请按详情更正，或重新导出。",
    "NoGpuSupport": "镜像中的 Paddle 只支持 CPU。请使用 GPU 镜像，或将 spec.device 设为 CPU。",
    "NoTensorRT": "镜像中的 Paddle 不支持 TensorRT。请不启用它，或使用支持它的镜像。",
    "NoWarmUp": "用所试的任何大小都无法运行模型。请添加模型可以接受的请求，作为 warmup.json 或 warmup.npz。",
    "OutOfMemory": "内存容不下该模型。请给 Pod 更多内存，或换用其他设备。",
    "OutputExists": "输出文件或文件夹已存在。请另取名称。",
    "PrecisionDiffers": (
        "此精度下的应答与 FP32 相差太大。请设为 FP32；若随机数不足以评判，请添加真实请求作为 warmup.json。"
    ),
    "PrecisionFails": "模型无法以此精度运行。请设置其他精度。",
    "RecordingInvalid": "录制已损坏，或属于输入不同的模型。请重新录制。",
    "RecordingMissing": (
        "录制文件或 ConfigMap 不存在。请用 paddlemodel-server verify --record 生成，"
        "或移除 spec.verification。"
    ),
    "SampleFails": "模型在其旁的首个样例上失败。请更正样例或模型。",
    "TaskDoesNotFit": "任务不适合该模型。请按详情更正 spec.task，或使用任务 tensors。",
    "UnknownOutput": "outputs 中有模型所没有的输出。请更正名称。",
    "UnreadableRecording": "无法读取录制。请用 --record 重新录制。",
    "VerificationFailed": (
        "应答与录制不符；详情给出相差最大的值。请更正模型或精度；若新的应答正确，请重新录制。"
    ),
    "VerificationTooSlow": "录制的请求用时超过 maxSeconds。请调高它，或减少录制的请求。",
    "WorkerCrashes": "工作进程一再崩溃，服务器已放弃。请按详情处理，并查看日志。",
    "WrongValues": "请求含有其数据类型无法容纳的值。请更正该值。",
}

OF_IMAGES: Final[Mapping[str, str]] = {**_OF_FETCHER, **_OF_MODEL_FILES, **_OF_SERVER}
