"""Names of licences, as Debian and Python write them, in the form of CycloneDX and SPDX."""

import re
from collections.abc import Iterable

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression

_FACTORY = LicenseFactory()
#: As they are written -> SPDX; nothing that leaves a version open.
_SAME = {
    "Expat": "MIT",
    "MIT License": "MIT",
    "Apache 2": "Apache-2.0",
    "Apache-2": "Apache-2.0",
    "BSL-1": "BSL-1.0",
    "Apache 2.0": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
}
_GNU = re.compile(r"(A?GPL|LGPL|GFDL)-(\d)(?:\.(\d))?(\+?)", re.IGNORECASE)


def of(names: Iterable[str]) -> list[License]:
    """One licence of CycloneDX for each name, or one expression alone; unknown names stay as they are.

    Args:
        names: As a package gives them; several are a list, not a choice.
    """
    spelled = sorted({_spdx(name) for name in names})
    made = [_FACTORY.make_from_string(name) for name in spelled]
    if len(made) == 1:
        return made
    # The standard takes one expression or a list of names, never both.
    return [
        DisjunctiveLicense(name=str(one.value)) if isinstance(one, LicenseExpression) else one for one in made
    ]


def _spdx(name: str) -> str:
    """`GPL-2+` is `GPL-2.0-or-later` there."""
    found = _GNU.fullmatch(name)
    if found:
        family, major, minor, later = found.groups()
        return f"{family.upper()}-{major}.{minor or 0}-{'or-later' if later else 'only'}"
    return _SAME.get(name, name)
