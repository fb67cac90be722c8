"""Every reason has its cure in Chinese, and no cure is of a reason that nobody gives."""

import re

import pytest
from paddlemodel_api import contract
from paddlemodel_api.schema import api_docs, reasons
from paddlemodel_operator.commands.deployed.facts import DELETING, NOT_SEEN
from paddlemodel_operator.language import cures
from paddlemodel_operator.language.image_cures import OF_IMAGES
from paddlemodel_operator.status import doctor
from paddlemodel_operator.status.traffic import access

from tests.operator.language.reasons_in_source import of_images, of_operator

DOCUMENTED = {
    "Ready": reasons.REASONS,
    "AutoscalingActive": reasons.SCALING_REASONS,
    "ModelVerified": reasons.VERIFICATION_REASONS,
    "ModelUpdateAvailable": reasons.UPDATE_REASONS,
    "RouteAccepted": reasons.ROUTE_REASONS,
}
OUTSIDE_CALLS = {
    *contract.CACHE_FAULTS,
    *(reason for reason, *_ in access._OUTDATED.values()),
    *doctor.INTERVENTIONS,
    *(DELETING, NOT_SEEN),
    "Pending",  # autoscaling_checks.pending and route._pending say it
    "RollingOut",  # a variable holds it
    "Unknown",  # judge writes it where there is none
    "NotAccepted",  # where a controller gives none
}
"""Reasons that come from a table, or by way of a variable."""
CURES = {text for all_of in cures.OF_TYPE.values() for text in all_of.values()}


def test_every_documented_reason_has_a_cure_and_it_names_the_same_fields() -> None:
    for kind, documented in DOCUMENTED.items():
        for reason, english in documented.items():
            chinese = cures.OF_TYPE[kind][reason]
            named = re.findall(r"`([^`]+)`", english)
            assert all(one in chinese for one in named), (reason, named)


def test_every_reason_of_the_operator_has_a_cure_and_there_are_no_others() -> None:
    operators = set().union(*(set(all_of) - set(OF_IMAGES) for all_of in cures.OF_TYPE.values()))
    given = of_operator() | OUTSIDE_CALLS
    assert given - operators <= set(OF_IMAGES)
    assert operators - given == set()


def test_every_reason_of_the_images_has_a_cure_and_there_are_no_others() -> None:
    assert of_images() == set(OF_IMAGES)


def test_every_type_of_condition_is_known() -> None:
    assert "SecretMissing" in of_operator()
    assert set(cures.OF_TYPE) == set(api_docs.MEANING_OF)


@pytest.mark.parametrize("text", sorted(CURES))
def test_a_cure_is_chinese_and_whole(text: str) -> None:
    assert text.endswith("。")
    assert re.search(r"[\u4e00-\u9fff]", text)
    assert not re.search(r"[,;!?]|[\u4e00-\u9fff][.:(]|[.:)][\u4e00-\u9fff]", text), "punctuation is Chinese"
    assert not re.search(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]", text), "a space between"
    assert len(text) < 120
