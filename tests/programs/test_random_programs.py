"""Random async chains mean what they say, in whatever order their answers come."""

import pytest

from tests.programs.compare import chosen, differences
from tests.support.cases import rounds

PROGRAMS, GROUPS = 256, 16
QUICK_GROUPS = 6


@pytest.mark.parametrize("group", rounds(GROUPS, QUICK_GROUPS))
def test_programs_end_as_a_direct_run_does_under_any_order_and_send_each_prompt_once(group):
    found = [differences(seed, orders=4) for seed in range(group, PROGRAMS, GROUPS)]
    assert [each for _, _, wrong in found for each in wrong] == []


def test_the_programs_are_worth_running():
    ends = [chosen(seed) for seed in range(PROGRAMS)]
    assert sum(end[0] == "done" for _, end, _ in ends) > PROGRAMS / 3
    assert sum(end[0] == "failed" for _, end, _ in ends) > PROGRAMS / 20
    assert sum(len(sent) for _, _, sent in ends) / PROGRAMS > 5
    assert max(len(sent) for _, _, sent in ends) > 30
