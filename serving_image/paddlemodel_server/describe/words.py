"""The page's words in the languages of its readers; English is what is translated, and what is left. Pure.

What the server answers to programs, its errors among it, is English everywhere.
"""

from collections.abc import Callable, Mapping

ENGLISH = "en"
CHINESE: Mapping[str, str] = {
    # page.html
    "PaddlePaddle model": "PaddlePaddle 模型",
    "Try it": "试一试",
    "The form needs JavaScript; the command further down does not.": (
        "表单需要 JavaScript；下方的命令则不需要。"
    ),
    "Send": "发送",
    "tensors as JSON": "JSON 张量",
    "Text": "文本",
    "Choose {what}, or drop one here": "选择{what}，或拖放到此处",
    "The sound's course": "声音的波形",
    "JSON, Open Inference Protocol V2": "JSON，Open Inference Protocol V2",
    "Ctrl+Enter sends, too.": "也可以按 Ctrl+Enter 发送。",
    "The picture that was sent, with what was found in it": "所发送的图片，标有识别结果",
    "The class of each pixel, as a colour": "以颜色表示的每个像素的类别",
    "Classes": "类别",
    "Answer": "应答",
    "Call it": "调用",
    "Route": "路由",
    "; ": "；",
    "stands for": "代表",
    ".": "。",
    "Command": "命令",
    "Copy": "复制",
    "Inputs and outputs": "输入与输出",
    "Name": "名称",
    "Datatype": "数据类型",
    "Shape": "形状",
    "input": "输入",
    "output": "输出",
    "any": "任意",
    "“any”: the request decides.": "“任意”：由请求决定。",
    "Facts": "信息",
    "Digest": "摘要",
    "not known yet": "尚未得知",
    "Format": "格式",
    "not loaded yet": "尚未加载",
    "Task": "任务",
    ", by {source}": "，来自 {source}",
    "Device": "设备",
    "Server": "服务器",
    "Fields of the task, and where their values come from": "任务的字段及其取值来源",
    "Fields of the task": "任务的字段",
    "Field": "字段",
    "Value": "值",
    "From": "来源",
    "OpenAPI document": "OpenAPI 文档",
    "Metadata": "元数据",
    "Readiness": "就绪状态",
    # page.js
    "No file yet": "还没有文件",
    "Choose {what} first.": "请先选择{what}。",
    "{time} ms, seen from this browser": "{time} 毫秒，由此浏览器测得",
    "No answer": "没有应答",
    "The server could not be reached, or ended the connection.": "无法连接服务器，或服务器断开了连接。",
    "Copied": "已复制",
    "class {number}": "类别 {number}",
    "{start}… {count} characters": "{start}… 共 {count} 个字符",
    "{start}\n… and {count} more characters": "{start}\n… 另有 {count} 个字符",
    # the state
    "loading": "加载中",
    "ready": "就绪",
    "draining": "排空中",
    "unreachable": "无法访问",
    # what tasks take
    "a text": "一段文本",
    "a picture": "一张图片",
    "a sound": "一段声音",
    "a file": "一个文件",
    "your picture": "您的图片",
    "your file": "您的文件",
    "a file with the JSON of the form above": "内容为上方表单中 JSON 的文件",
}
LANGUAGES: Mapping[str, Mapping[str, str]] = {ENGLISH: {}, "zh": CHINESE}


def translator(language: str) -> Callable[..., str]:
    """Turns an English text of the page into the reader's; what stands in braces is given by name."""
    words = LANGUAGES[language]

    def translate(text: str, **given: str) -> str:
        found = words.get(text, text)
        for name, value in given.items():
            found = found.replace(f"{{{name}}}", value)
        return found

    return translate
