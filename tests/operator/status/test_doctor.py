"""The doctor names the broken link of the chain and its cure; the table has a case for each link."""

import pytest
from paddlemodel_api.schema.reasons import SCALING_REASONS
from paddlemodel_operator.status.doctor import diagnose

from tests.operator.support.cases import Chain
from tests.operator.support.chains import CHAINS


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_the_broken_link_is_named(chain: Chain) -> None:
    finding = diagnose(chain.case)
    assert (finding.status, finding.reason) == (chain.status, chain.reason)
    for part in chain.parts:
        assert part in finding.message
    assert "  " not in finding.message


def test_every_reason_of_the_manual_is_met() -> None:
    """What is neither in the manual nor here are the autoscaler's own words."""
    met = {chain.reason for chain in CHAINS.values()}
    assert set(SCALING_REASONS) <= met
