"""The finer parts of the chain language: retries asked for, aborts, renames, functions by value."""

import itertools

import orjson
import pytest

import gemchain
from gemchain.errors import UnresolvedError
from gemchain.functions.closures import Signer
from gemchain.records.states import PromptState
from tests.apps import flows, language
from tests.support.engines import embedded

EACH_STORE = True

KEY = "a-secret-of-the-application"


@pytest.fixture(autouse=True)
def _fresh():
    language.calls.clear()
    language.left["raise"] = 0


def test_retry_if_asks_for_another_answer(tmp_path):
    answers = itertools.chain(["no", "nah"], itertools.repeat("a long answer"))
    with embedded(tmp_path, responder=lambda _: next(answers)):
        assert gemchain.start(language.start_picky, "x").result() == "a long answer"


def test_retry_if_fails_the_prompt_in_its_own_words_when_no_attempt_is_left(tmp_path):
    with embedded(tmp_path, responder=lambda _: "no", max_attempts=2) as engine:
        with pytest.raises(gemchain.ChainFailedError, match="too short"):
            gemchain.start(language.start_picky, "x").result()
        assert len(engine.runtime.store.list_batches()) == 2


def test_a_retry_if_that_raises_is_treated_like_a_callback_that_raises(engine):
    with pytest.raises(gemchain.ChainFailedError, match="picky itself is broken"):
        gemchain.start(language.start_broken_picky, "x").result()


def test_a_callback_may_ask_to_run_later_as_often_as_it_likes(engine):
    language.left["raise"] = 10
    began = engine.clock.now()
    chain = gemchain.start(language.start_patient, "x")
    assert chain.result() == "x"
    assert (engine.clock.now() - began).total_seconds() >= 600
    assert language.calls == ["patient"] * 11
    assert len(engine.runtime.store.list_batches()) == 1


def test_a_callback_may_ask_for_another_answer(engine):
    assert gemchain.start(language.start_choosy, "x").result() == "x"
    assert len(engine.runtime.store.list_batches()) == 3


def test_a_callback_may_abort_with_a_reason(engine):
    chain = gemchain.start(language.start_aborting, "x")
    with pytest.raises(gemchain.ChainFailedError, match="the customer has left"):
        chain.result()
    assert language.calls == ["aborting"]


def test_a_callback_keeps_its_stored_name_through_renames(engine):
    chain = gemchain.start(language.start_renamed, "x")
    (prompt,) = engine.runtime.store.chain_prompts(chain.id)
    assert prompt.callback == "tests.apps.language:settle_the_bill"
    assert chain.result() == "paid x"


def test_a_name_that_is_no_identifier_is_refused():
    with pytest.raises(gemchain.ContinuationError, match="identifier"):
        gemchain.callback("not a name")(language.finish)


@pytest.mark.parametrize("name", ["tests.apps.language:pay", "old.place:pay_up"])
def test_a_callback_is_found_by_the_names_it_had(engine, name):
    assert engine.runtime.continuations.resolve(name) is language.renamed


@pytest.mark.parametrize(
    ("kind", "result"),
    [("lambda", "lambda 7 hello"), ("nested", "nested 7 hello"), ("method", 12), ("partial", "35 m")],
)
def test_functions_without_a_name_are_stored_by_value_and_signed(tmp_path, kind, result):
    with embedded(tmp_path, responder=flows.echo, signing_key=KEY) as engine:
        chain = gemchain.start(language.start_by_value, kind, 7)
        clock = engine.clock
    with embedded(tmp_path, responder=flows.echo, signing_key=KEY, clock=clock):
        assert chain.result() == result


@pytest.mark.parametrize("kind", ["lambda", "nested", "method", "partial"])
def test_without_a_signing_key_they_are_refused_with_the_way_out(engine, kind):
    with pytest.raises(gemchain.ContinuationError, match="GEMCHAIN_SIGNING_KEY"):
        gemchain.start(language.start_by_value, kind, 7)


@pytest.mark.parametrize("other", ["", "another-secret-of-somebody"])
def test_a_function_signed_with_another_key_is_parked_and_never_loaded(tmp_path, other):
    with embedded(tmp_path, responder=flows.echo, signing_key=KEY) as engine:
        chain = gemchain.start(language.start_by_value, "lambda", 7)
        clock = engine.clock
    with embedded(tmp_path, responder=flows.echo, signing_key=other, clock=clock):
        with pytest.raises(gemchain.ChainParkedError):
            chain.result()
        assert chain.status().prompts == {PromptState.PARKED: 1}
    with embedded(tmp_path, responder=flows.echo, signing_key=KEY, clock=clock):
        assert chain.retry() == 1
        assert chain.result() == "lambda 7 hello"


@pytest.mark.parametrize(
    "change",
    [
        {"code": "c" * 40},
        {"python": "2.7"},
        {"cloudpickle": "0.1"},
        {"sha256": "0"},
        {"mac": ""},
        {"mac": None},
        {"code": None},
    ],
)
def test_a_signed_function_that_was_changed_is_never_loaded(change):
    signer = Signer(KEY)
    sealed = orjson.loads(signer.sign(lambda response: response, "callback"))
    with pytest.raises(UnresolvedError, match="signature"):
        signer.load(orjson.dumps(sealed | change).decode(), "callback")


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "not json", '{"mac": "x"}'])
def test_what_is_no_signed_function_is_never_loaded(text):
    with pytest.raises(UnresolvedError):
        Signer(KEY).load(text, "callback")


def test_a_function_of_another_python_is_not_loaded_though_it_is_signed(monkeypatch):
    monkeypatch.setattr("gemchain.functions.closures._python", lambda: "3.9")
    foreign = Signer(KEY).sign(lambda response: response, "callback")
    monkeypatch.undo()
    with pytest.raises(UnresolvedError, match=r"made by Python 3\.9"):
        Signer(KEY).load(foreign, "callback")


def test_a_key_that_is_no_key_is_refused():
    with pytest.raises(gemchain.ContinuationError, match="needs at least"):
        Signer("short")


def test_what_cannot_be_pickled_is_refused():
    import threading

    lock = threading.Lock()
    with pytest.raises(gemchain.ContinuationError, match="cannot be stored by value"):
        Signer(KEY).sign(lambda response: lock, "callback")
