"""What services tell of their limits, in all spellings."""

from datetime import UTC, datetime

import pytest

from gemchain.providers.direct.told import Left, left_of, retry_after, seconds_until

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 20.0),
        ("0.5", 0.5),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("2m59.56s", 179.56),
        ("120ms", 0.12),
        ("1d2h3m4s", 93_784.0),
        ("2026-11-28T12:01:00Z", 60.0),
        ("2026-11-28T13:00:00+01:00", 0.0),
        ("Sat, 28 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 28 Nov 2026 11:00:30 GMT", 0.0),
        ("1795867210", 10.0),
        ("1795867210000", 10.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_a_duration_or_a_moment_becomes_seconds_from_now(text, seconds):
    found = seconds_until(text, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_openai_tells_requests_and_tokens():
    headers = {
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert left_of(headers, NOW) == {
        "requests": Left("requests", 59, 1.0),
        "tokens": Left("tokens", 149_984, 360.0),
    }


def test_of_several_limits_of_tokens_the_least_counts():
    headers = {
        "anthropic-ratelimit-tokens-remaining": "9000",
        "anthropic-ratelimit-tokens-reset": "2026-11-28T12:00:10Z",
        "anthropic-ratelimit-output-tokens-remaining": "800",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-28T12:00:05Z",
    }
    assert left_of(headers, NOW) == {"tokens": Left("tokens", 800, 5.0)}


def test_half_of_a_limit_or_nonsense_is_left_out():
    assert left_of({"x-ratelimit-remaining-requests": "5"}, NOW) == {}
    nonsense = {"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "1s"}
    assert left_of(nonsense, NOW) == {}


def test_the_finest_word_on_when_to_ask_again_counts():
    assert retry_after({"retry-after-ms": "250", "retry-after": "1"}, {}, NOW) == 0.25
    assert retry_after({"retry-after": "7"}, {}, NOW) == 7
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "19.5s"}
    body = {"error": {"details": [{"quotaMetric": "x"}, "odd", delay]}}
    assert retry_after({}, body, NOW) == 19.5
    assert retry_after({"retry-after": "7"}, body, NOW) == 7


@pytest.mark.parametrize(
    "body", [{}, {"error": "no"}, {"error": {"details": "x"}}, {"error": {"details": [{"retryDelay": 5}]}}]
)
def test_a_service_that_does_not_say_when_does_not_say(body):
    assert retry_after({}, body, NOW) is None
