from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.records import Failure, OutputFile, RowCounts, Usage, codec

text = st.text(st.characters())
whole = st.integers(min_value=0, max_value=1 << 62)
files = st.builds(OutputFile, text, whole, whole)
money = st.floats(min_value=0, allow_infinity=False)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_to_the_microsecond(at):
    assert codec.from_micros(codec.to_micros(at)) == at


def test_a_time_of_another_zone_is_the_same_moment():
    at = datetime(2026, 7, 6, 15, 4, 46, 670_249, tzinfo=timezone(timedelta(hours=2)))
    back = codec.from_micros(codec.to_micros(at))
    assert back == at
    assert back.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        codec.to_micros(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_nothing_stays_nothing():
    assert codec.to_micros(None) is codec.from_micros(None) is None
    assert codec.failure_to_text(None) is codec.failure_from_text(None) is None


@given(st.builds(Failure, text, text, st.booleans(), st.none() | text))
def test_a_failure_comes_back(failure):
    assert codec.failure_from_text(codec.failure_to_text(failure)) == failure


def test_half_a_surrogate_pair_travels_as_ascii():
    failure = Failure("callback", "bad \udcff name", traceback="\ud800")
    assert codec.failure_to_text(failure).isascii()
    assert codec.failure_from_text(codec.failure_to_text(failure)) == failure


@given(st.lists(files))
def test_files_come_back(some):
    assert codec.files_from_text(codec.files_to_text(some)) == tuple(some)
    assert [codec.file_from_text(codec.file_to_text(each)) for each in some] == some


@given(st.builds(RowCounts, *[whole] * len(RowCounts._fields)))
def test_counts_come_back(counts):
    assert codec.counts_from_text(codec.counts_to_text(counts)) == counts


@given(st.builds(Usage, whole, whole, money, money))
def test_usage_comes_back(usage):
    assert codec.usage_from_text(codec.usage_to_text(usage)) == usage
