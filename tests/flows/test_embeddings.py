"""Embeddings run through chains like any other answer."""

import logging
import sys

import pytest

import gemchain
from gemchain.api.choices import check_kind
from gemchain.api.forks import fork_chain
from gemchain.api.operations import retry_prompts
from gemchain.errors import InvalidInputError, ModelError, RequestError
from gemchain.formats.registry import format_named
from gemchain.providers.capabilities import TABLE
from gemchain.simulated.vectors import SIZE, vector
from tests.apps import embeddings
from tests.apps.embeddings import GEMINI, MODEL, TEXTS
from tests.support.engines import embedded


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path) as running:
        yield running


@pytest.mark.parametrize("model", [MODEL, GEMINI])
def test_an_async_chain_awaits_one_vector_and_many(engine, model):
    chain = gemchain.start(embeddings.nearest, TEXTS, model)
    engine.run()
    assert chain.result() == [1, SIZE, True]


def test_a_callback_gets_the_responses_in_the_order_of_the_texts(engine):
    chain = gemchain.start(embeddings.begin, TEXTS, MODEL)
    engine.run()
    found = chain.result()
    assert found["note"] == "kept"
    assert found["vectors"] == [pytest.approx(list(vector(text)), abs=1e-7) for text in TEXTS]


@pytest.mark.parametrize("start", [embeddings.begin, embeddings.begin_with_submit])
def test_a_callback_gets_the_response_to_one_text(engine, start):
    chain = gemchain.start(start, TEXTS[0], GEMINI)
    engine.run()
    assert chain.result()["vectors"] == [pytest.approx(list(vector(TEXTS[0])))]


def test_the_result_of_a_chain_without_a_callback_is_the_vector(engine):
    handle = gemchain.submit("Hello", MODEL, kind="embed", config={"dimensions": 5})
    by_name = gemchain.submit("Hello", "simulated/embeddings/x", config={"dimensions": 5})
    engine.run()
    assert handle.chain.result() == pytest.approx(list(vector("Hello", 5)), abs=1e-7)
    assert by_name.chain.result() == handle.chain.result()


def test_a_vector_is_a_numpy_array_where_numpy_is_there(monkeypatch):
    body = {"data": [{"embedding": [0.5, -1.0, 0.25]}]}
    response = gemchain.Response(body, wire_format=format_named("openai_embeddings"))
    array = response.to_numpy()
    assert (array.dtype, array.shape) == ("float32", (len(response.embedding),))
    assert array.tolist() == response.embedding
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(gemchain.ConfigurationError, match="pip install numpy"):
        response.to_numpy()


def test_no_texts_give_no_vectors(engine):
    chain = gemchain.start(embeddings.begin, [], MODEL)
    engine.run()
    assert chain.result()["vectors"] == []


def test_a_prompt_for_a_vector_is_told_from_one_for_a_text(engine):
    store = engine.runtime.store
    asked = gemchain.submit("Hello", MODEL, kind="embed"), gemchain.submit("Hello", MODEL)
    prompts = store.prompts([each.id for each in asked])
    kinds = [(prompts[each.id].kind, prompts[each.id].model) for each in asked]
    assert kinds == [("embed", "embeddings/embeddings"), ("generate", "embeddings")]
    assert all(prompts[each.id].is_sent for each in asked)
    engine.run()
    assert isinstance(asked[1].chain.result(), str)


@pytest.mark.parametrize("model", [MODEL, GEMINI])
def test_a_vector_that_did_not_come_is_asked_for_again_and_then_an_error(tmp_path, model):
    with embedded(tmp_path, simulated_faults="empty=1", max_attempts=2, retry_delay=0) as engine:
        handle = gemchain.submit("Hello", model, kind="embed")
        engine.run()
        (prompt,) = engine.runtime.store.prompts([handle.id]).values()
        assert (prompt.progress.attempt, prompt.progress.failure.reason) == (2, "empty")


@pytest.mark.parametrize(
    "faults", ["keyless=1,nulls=1", "failed=0.3,missing=0.2,duplicated=0.3,malformed=0.1"]
)
def test_every_fault_of_a_row_is_lived_through(tmp_path, faults):
    with embedded(tmp_path, simulated_faults=faults, max_attempts=20, retry_delay=0) as engine:
        handles = [gemchain.submit(f"text {number}", MODEL, kind="embed") for number in range(20)]
        engine.run()
        for number, handle in enumerate(handles):
            wanted = list(vector(f"text {number}"))
            assert handle.chain.result() == pytest.approx(wanted, abs=1e-7)


def test_a_gather_hands_over_the_first_failure(tmp_path):
    with embedded(tmp_path, responder=lambda request: {"data": []}) as engine:
        chain = gemchain.start(embeddings.begin_with_an_end, TEXTS)
        engine.run()
        assert chain.result()[0] == "empty"


def test_a_failed_embedding_is_sent_back_by_an_operator(tmp_path):
    with embedded(tmp_path, responder=lambda request: {"data": []}, max_attempts=1) as engine:
        handle = gemchain.submit("Hello", MODEL, kind="embed")
        engine.run()
    with embedded(tmp_path) as engine:
        assert retry_prompts(engine.runtime, list(engine.runtime.store.prompts([handle.id]).values())) == 1
        engine.run()
        assert len(gemchain.Chain(handle.chain.id).result()) == SIZE


def test_a_chain_is_forked_from_an_embedding(engine):
    handle = gemchain.submit("Hello", MODEL, kind="embed")
    engine.run()
    forked = fork_chain(engine.runtime, handle.chain.id, handle.id)
    engine.run()
    assert gemchain.Chain(forked).result() == handle.chain.result()


def test_tokens_of_a_text_are_counted(engine):
    gemchain.submit("x" * 40, MODEL, kind="embed")
    engine.run()
    assert engine.runtime.store.counters().usage.prompt_tokens == 10


def test_a_response_says_that_it_is_a_vector():
    response = gemchain.Response({"data": []}, wire_format=format_named("openai_embeddings"))
    assert repr(response) == "Response(embedding of 0 numbers)"
    assert (response.text, response.embedding) == ("", [])
    with pytest.raises(TypeError, match="kind='embed'"):
        gemchain.Response({}, model="m").embedding  # noqa: B018


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gemchain.submit("x", MODEL, kind="embedding"), InvalidInputError, "'generate' or 'embed'"),
        (lambda: gemchain.submit("x", MODEL, kind="embed", system="y"), RequestError, "takes no 'system'"),
        (lambda: gemchain.embed(7, MODEL), InvalidInputError, "a text or a list of texts"),
        (lambda: gemchain.embed(["a"], MODEL, embeddings.keep, key="k"), InvalidInputError, "gemchain.start"),
        (lambda: gemchain.embed(["a"], MODEL, params={"a": 1}), InvalidInputError, "with a callback only"),
        (lambda: gemchain.embed("a", "nobody/x", embeddings.keep), ModelError, "no provider serves"),
        (
            lambda: gemchain.embed("a", MODEL, embeddings.keep, params={"note": 1}, config={"dimension": 3}),
            RequestError,
            "did you mean 'dimensions'",
        ),
    ],
)
def test_what_can_never_work_is_refused(engine, call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("kind", "can", "words"),
    [
        ("embed", TABLE["vertex"], r"no embeddings.*'gemini-api/gemini-embedding-001'"),
        ("generate", TABLE["vertex"]._replace(kinds=("embed",)), r"gives no text.*gemchain\.embed"),
    ],
)
def test_what_a_model_is_not_asked_for_is_refused_with_another_way(kind, can, words):
    with pytest.raises(RequestError, match=words):
        check_kind("gemini-3.5-flash-lite", kind, can)


def test_a_description_that_nobody_sends_is_warned_of_with_its_place(engine, caplog):
    with caplog.at_level(logging.WARNING):
        gemchain.start(embeddings.begin_and_drop, "x")
    assert "never sent (begin_and_drop, line" in caplog.text
