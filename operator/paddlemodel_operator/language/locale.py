"""Which language a person's shell asks for; pure."""

from collections.abc import Mapping

from paddlemodel_operator.language.conditions import Language


def language(environ: Mapping[str, str]) -> Language:
    """What LANGUAGE, LC_ALL, LC_MESSAGES and LANG mean, in gettext's order: the first one that is there.

    LANGUAGE is a list by preference, and counts only where the locale is not C.
    """
    locale = next(filter(None, (environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "C")
    wanted = environ.get("LANGUAGE", "").split(":") if _word(locale) not in {"c", "posix"} else []
    for one in (*filter(None, wanted), locale):
        if _word(one) == "zh":
            return "zh"
        if _word(one) == "en":
            return "en"
    return "en"


def _word(locale: str) -> str:
    """The language of a locale such as zh_CN.UTF-8."""
    return locale.partition(".")[0].partition("@")[0].partition("_")[0].partition("-")[0].lower()
