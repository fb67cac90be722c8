"""Every value of the chart is explained, with what it may be."""

import pytest

from tests.repository.helm import values_page
from tests.repository.sources import ROOT

PAGE = ROOT / "docs/values.md"


def test_the_page_is_up_to_date(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--recordings"):
        PAGE.write_text(values_page.page())
    assert PAGE.read_text() == values_page.page()


def test_each_value_has_a_meaning() -> None:
    found = values_page.values()
    assert len(found) > 50
    assert [one.name for one in found if not one.meaning] == []


def test_some_rows() -> None:
    rows = values_page.page().splitlines()
    assert '| `language` | `en`, `zh` | `"en"` |' in "\n".join(rows)
    (replicas,) = (row for row in rows if row.startswith("| `replicas` "))
    assert replicas.startswith("| `replicas` | integer from 1 to 5 | `1` | Operator pods. One of them works")
