"""What a chain's functions return is what others get."""

from google.genai import types

import gemchain
from gemchain.base import jsontext
from tests.apps import answers

NOTHING = {"a": None, "team": {"lead": {"name": "Ada", "age": 36}, "members": [], "motto": None}}


def test_what_is_none_stays_none_in_results_of_callbacks_and_programs(engine):
    assert gemchain.start(answers.start_with_nothing).result() == NOTHING
    assert gemchain.start(answers.nothing_in_branches).result() == [NOTHING, NOTHING]


def test_a_google_genai_object_is_kept_without_the_fields_that_nobody_set():
    assert jsontext.dump(types.Part(text="x")) == '{"text":"x"}'
