"""Answers as objects of a pydantic class, found again by its name."""

import sys

import pytest
from pydantic import BaseModel

import gemchain
from gemchain.base import jsontext
from gemchain.errors import RequestError, UnresolvedError
from gemchain.functions.continuations import Continuations
from gemchain.records.states import PromptState
from gemchain.testing import embedded
from tests.apps import answers

GOOD = '{"lead": {"name": "Ada", "age": 36}, "members": [{"name": "Bob", "age": 1}], "motto": null}'
PERSON = '{"name": "Ada", "age": 36}'


def run(folder, function, answer, **settings):
    """The chain, ended."""
    with embedded(folder, responder=lambda request: answer, **settings) as engine:
        chain = gemchain.start(function, "who?")
        engine.run()
        yield chain, engine


@pytest.fixture
def stored(tmp_path):
    """A prompt whose schema is a class, as it is recorded, and what is sent."""
    with embedded(tmp_path) as engine:
        handle = gemchain.submit("who?", answers.MODEL, schema=answers.Person)
        store = engine.runtime.store
        yield store.prompts([handle.id])[handle.id], jsontext.load(store.requests([handle.id])[handle.id])


def test_a_callback_gets_an_object_of_the_class(tmp_path):
    for chain, _ in run(tmp_path, answers.ask, GOOD):
        assert chain.result() == ["Person", 36, 1]


def test_a_class_in_the_config_does_the_same(tmp_path):
    with embedded(tmp_path, responder=lambda request: PERSON) as engine:
        config = {"response_schema": answers.Person}
        chain = gemchain.submit("who?", answers.MODEL, config=config).chain
        engine.run()
        assert chain.result() == {"name": "Ada", "age": 36}


def test_an_async_chain_and_a_gather_get_objects_too(tmp_path):
    for chain, _ in run(tmp_path, answers.awaited, PERSON):
        assert chain.result() == "Person Ada Ada"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (GOOD.replace("36", "-1"), "greater than or equal to 0"),
        (GOOD.replace('"Bob"', "7"), "valid string"),
        ("Ada", "Invalid JSON"),
    ],
)
def test_an_answer_that_does_not_validate_is_sent_again_and_then_fails_in_pydantics_words(
    tmp_path, answer, words
):
    asked = []

    def respond(request):
        asked.append(request)
        return answer

    with embedded(tmp_path, responder=respond, max_attempts=2) as engine:
        chain = gemchain.start(answers.ask, "who?")
        engine.run()
        reason, message = chain.result()
    assert reason == "invalid"
    assert words in message
    assert len(asked) == 2


def test_an_answer_that_validates_the_second_time_is_used(tmp_path):
    said = iter(["nonsense", GOOD])
    with embedded(tmp_path, responder=lambda request: next(said)) as engine:
        chain = gemchain.start(answers.ask, "who?")
        engine.run()
        assert chain.result() == ["Person", 36, 1]


def test_the_class_is_kept_by_name_and_the_name_is_not_sent(stored):
    prompt, request = stored
    assert '"x-gemchain-model":"tests.apps.answers:Person"' in prompt.schema
    asked = request["generationConfig"]["responseJsonSchema"]
    assert asked == answers.Person.model_json_schema()


def test_a_dict_as_schema_gives_plain_data(tmp_path):
    with embedded(tmp_path, responder=lambda request: PERSON) as engine:
        chain = gemchain.submit("who?", answers.MODEL, schema=answers.Person.model_json_schema()).chain
        engine.run()
        assert chain.result() == {"name": "Ada", "age": 36}


def test_a_class_that_nobody_finds_again_is_refused_at_submit_with_the_way_out(tmp_path):
    class Nested(BaseModel):
        name: str

    with embedded(tmp_path) as engine:
        for model in (Nested, answers.Outer.Inner):
            with pytest.raises(RequestError, match=rf"top level.*{model.__name__}\.model_json_schema\(\)"):
                gemchain.submit("who?", answers.MODEL, schema=model)
        with pytest.raises(RequestError, match=r"a JSON schema .* or a pydantic model class"):
            gemchain.submit("who?", answers.MODEL, schema=answers.NoModel)
        assert engine.runtime.store.list_chains() == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tests.apps.answers:Gone", "no class 'Gone'"),
        ("tests.apps.answers:NoModel", "no pydantic model class"),
        ("tests.apps.answers:ask", "no pydantic model class"),
        ("tests.apps.answers:BaseModel", "only imported there"),
        ("tests.apps.answers:Outer.Inner", "not of the form"),
        ("tests.apps.nowhere:Person", "no module|importing"),
        ("pydantic:BaseModel", "not the application's"),
        ("os:system", "not the application's"),
        ("", "not of the form"),
    ],
)
def test_a_record_can_name_no_other_class(name, words):
    with pytest.raises(UnresolvedError, match=words):
        Continuations().resolve_model(name)


def test_an_async_chain_whose_earlier_answers_lost_their_class_parks_too(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    with embedded(folder, responder=lambda request: PERSON) as engine:
        chain = gemchain.start(answers.waits, "who?")
        engine.run()
    with monkeypatch.context() as patched, embedded(folder) as engine:
        patched.delattr(sys.modules["tests.apps.answers"], "Person")
        gemchain.resume(chain, "go on")
        engine.run()
        assert chain.status().parked
        assert "no class 'Person'" in chain.status().failure.message
    with embedded(folder) as engine:
        chain.retry()
        engine.run()
        assert chain.result() == "Ada go on"


def test_a_class_that_is_gone_parks_its_prompt_until_it_is_back(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    with embedded(folder, responder=lambda request: GOOD):
        chain = gemchain.start(answers.ask, "who?")
    with monkeypatch.context() as patched, embedded(folder, responder=lambda request: GOOD) as engine:
        patched.delattr(sys.modules["tests.apps.answers"], "Team")
        engine.run()
        assert chain.status().prompts == {PromptState.PARKED: 1}
        assert "no class 'Team'" in chain.status().failure.message
    with embedded(folder, responder=lambda request: GOOD) as engine:
        assert chain.retry() == 1
        engine.run()
        assert chain.result() == ["Person", 36, 1]
