"""Where the secrets come from, and which of them cannot be right."""

import pytest

from gemchain.errors import ConfigurationError
from gemchain.serve.keys import Keys
from gemchain.settings import Settings
from tests.serve.google_keys import ACCOUNT, AUDIENCE
from tests.serve.senders import GEMINI_SECRET, OPENAI_SECRET, SHARED


def keys(environment=None, **settings):
    return Keys.of(Settings().changed(**settings), environment or {})


def test_openais_secret_is_taken_from_the_variable_that_its_sdk_reads_and_the_setting_wins():
    assert keys({"OPENAI_WEBHOOK_SECRET": OPENAI_SECRET}).openai == OPENAI_SECRET
    both = keys({"OPENAI_WEBHOOK_SECRET": GEMINI_SECRET}, openai_webhook_secret=OPENAI_SECRET)
    assert both.openai == OPENAI_SECRET


def test_a_line_break_at_the_end_of_a_secret_is_no_part_of_it():
    assert keys(push_secret=f"{SHARED}\n").shared == SHARED


def test_no_secret_is_shown():
    shown = repr(keys({"OPENAI_WEBHOOK_SECRET": OPENAI_SECRET}, push_secret=SHARED))
    assert OPENAI_SECRET not in shown
    assert SHARED not in shown


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"push_secret": "short"}, "under 16 characters.*token_urlsafe"),
        ({"openai_webhook_secret": "sk-proj-an-api-key"}, "OPENAI_WEBHOOK_SECRET.*whsec_"),
        ({"gemini_webhook_secret": "whsec_"}, "GEMINI_WEBHOOK_SECRET.*copy it"),
        ({"gemini_webhook_secret": "whsec_a"}, "GEMINI_WEBHOOK_SECRET.*copy it"),
        ({"push_audience": AUDIENCE}, "GEMCHAIN_PUSH_ACCOUNT is not set"),
        ({"push_account": ACCOUNT}, "GEMCHAIN_PUSH_AUDIENCE is not set"),
    ],
)
def test_a_secret_that_cannot_be_right_is_refused_with_what_to_do(settings, told):
    with pytest.raises(ConfigurationError, match=told):
        keys(**settings)
