"""Faults are drawn from a seed, in the shares that were asked for."""

from collections import Counter

import pytest

from gemchain.errors import ConfigurationError
from gemchain.simulated.faults import Draws, Faults, JobFate, RowFate


def test_no_text_is_no_fault():
    assert Faults.parse("") == Faults()
    assert Draws(Faults(), 0, "job").quiet


def test_a_text_names_faults_and_their_shares():
    assert Faults.parse(" failed=0.1, blocked = 0.05 ;shuffle=0,") == Faults(
        failed=0.1, blocked=0.05, shuffle=0
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("blokced=0.1", "did you mean 'blocked'"),
        ("zzz=0.1", "there are failed, refused"),
        ("failed", "takes a share from 0 to 1, not ''"),
        ("failed=-0.1", "share from 0 to 1"),
        ("failed=1.5", "share from 0 to 1"),
        ("failed=nan", "share from 0 to 1"),
        ("expired=0.7,partial=0.7", "add up to more than 1"),
    ],
)
def test_a_text_that_makes_no_sense_is_refused_with_the_way_out(text, words):
    with pytest.raises(ConfigurationError) as caught:
        Faults.parse(text)
    assert words in str(caught.value)


def test_fates_come_in_the_shares_that_were_asked_for():
    faults = Faults(failed=0.2, blocked=0.1, missing=0.1, duplicated=0.3, keyless=0.5)
    styles = [Draws(faults, 1, "job").style(f"p{row}") for row in range(4000)]
    shares = {fate: count / 4000 for fate, count in Counter(style.fate for style in styles).items()}
    assert shares == pytest.approx(
        {RowFate.FAILED: 0.2, RowFate.BLOCKED: 0.1, RowFate.MISSING: 0.1, RowFate.ANSWERED: 0.6}, abs=0.03
    )
    assert sum(style.duplicated for style in styles) / 4000 == pytest.approx(0.3, abs=0.03)
    assert sum(style.keyless for style in styles) / 4000 == pytest.approx(0.5, abs=0.03)
    assert not any(style.nulls for style in styles)


def test_the_same_seed_job_and_row_draw_the_same_and_any_other_draws_anew():
    faults = Faults(failed=0.5)

    def drawn(seed, job):
        draws = Draws(faults, seed, job)
        return tuple(draws.style(f"p{row}").fate for row in range(64))

    assert drawn(1, "a/0") == drawn(1, "a/0")
    assert len({drawn(1, "a/0"), drawn(2, "a/0"), drawn(1, "a/1"), drawn(1, "b/0")}) == 4


def test_fates_of_jobs_come_in_their_shares_too():
    faults = Faults(expired=0.25, job_failed=0.25)
    fates = Counter(Draws(faults, 0, f"job{number}").job_fate() for number in range(2000))
    assert fates[JobFate.EXPIRED] / 2000 == pytest.approx(0.25, abs=0.04)
    assert fates[JobFate.FAILED] / 2000 == pytest.approx(0.25, abs=0.04)
    assert set(fates) == {JobFate.EXPIRED, JobFate.FAILED, JobFate.SUCCEEDED}


def test_a_share_of_one_leaves_no_row_out():
    draws = Draws(Faults(failed=1), 3, "job")
    assert {draws.style(f"p{row}").fate for row in range(500)} == {RowFate.FAILED}
    assert all(draws.finishes(f"p{row}", 1.0) for row in range(500))
    assert not any(draws.finishes(f"p{row}", 0.0) for row in range(500))
