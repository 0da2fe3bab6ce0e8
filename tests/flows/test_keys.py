"""A key in use: the same arguments find the chain, others are refused or get it on request."""

from datetime import timedelta

import pytest

import gemchain
from gemchain.engine.operations.retention import forget
from tests.apps import flows

EACH_STORE = True


def about(topic, tone="plain", *more, style=None):
    return [topic, tone, *more, style]


def kind_of(thing):
    return type(thing).__name__


@gemchain.chain
async def announce(product, price=1):
    answer = await gemchain.prompt(f"announce {product} for {price}", flows.MODEL)
    return answer.text


def starts_another(response, key):
    return gemchain.start(flows.outline, response.text, key=key).id


def starter(topic, key):
    gemchain.submit(topic, flows.MODEL, starts_another, params={"key": key})


def collect(engine):
    engine.clock.advance(10)
    assert forget(engine.runtime, timedelta(0)).kept_keys
    engine.clock.advance(10)


def test_other_arguments_are_refused_and_the_error_shows_both(engine):
    chain = gemchain.start(flows.outline, "one", key="k")
    with pytest.raises(gemchain.KeyInUseError) as caught:
        gemchain.start(flows.outline, "two", key="k")
    said = str(caught.value)
    assert (caught.value.key, caught.value.chain_id) == ("k", chain.id)
    for each in ("'k'", chain.id, "RUNNING", "then: topic='one'", "now:  topic='two'", "existing='return'"):
        assert each in said
    assert flows.calls == ["outline one"], "nothing was started"
    assert isinstance(caught.value, gemchain.InvalidInputError)


def test_on_request_the_old_chain_is_returned(engine):
    first = gemchain.start(flows.outline, "one", key="k")
    assert gemchain.start(flows.outline, "two", key="k", existing="return") == first
    with pytest.raises(gemchain.InvalidInputError, match="'raise' or 'return', not 'reuse'"):
        gemchain.start(flows.outline, "one", key="k", existing="reuse")


def test_a_long_argument_is_cut_and_equal_ones_are_left_out_of_the_error(engine):
    gemchain.start(about, "x" * 5_000, tone="dry", key="k")
    with pytest.raises(gemchain.KeyInUseError) as caught:
        gemchain.start(about, "y" * 5_000, tone="dry", key="k")
    assert len(str(caught.value)) < 1_000
    assert "tone" not in str(caught.value)


SAME = [
    (("one",), {}),
    ((), {"topic": "one"}),
    (("one", "plain"), {}),
    (("one",), {"tone": "plain"}),
    ((), {"tone": "plain", "topic": "one"}),
    (("one",), {"style": None}),
]
OTHER = [(("two",), {}), (("one", "dry"), {}), (("one",), {"style": "loud"}), (("one", "plain", "more"), {})]


@pytest.mark.parametrize("collected", [False, True])
def test_a_call_is_the_same_however_it_is_written(engine, collected):
    for number, (args, params) in enumerate(SAME):
        gemchain.start(about, *args, key=f"k{number}", **params)
    starred = gemchain.start(about, "one", "plain", "more", "yet", style="loud", key="starred")
    gemchain.start(flows.outline, "keeps gc busy", key="x")
    engine.run()
    if collected:
        collect(engine)
    for number in range(len(SAME)):
        for args, params in SAME:
            gemchain.start(about, *args, key=f"k{number}", **params)
        for args, params in OTHER:
            with pytest.raises(gemchain.KeyInUseError):
                gemchain.start(about, *args, key=f"k{number}", **params)
    assert gemchain.start(about, "one", "plain", "more", "yet", style="loud", key="starred") == starred


def test_after_gc_the_fingerprint_tells_the_arguments_apart(engine):
    first = gemchain.start(flows.outline, "one", key="k")
    second = gemchain.start(announce, "lamp", key="k")
    engine.run()
    collect(engine)
    assert gemchain.start(flows.outline, topic="one", key="k") == first
    assert gemchain.start(announce, "lamp", 1, key="k") == second
    for function in (flows.outline, announce):
        with pytest.raises(gemchain.KeyInUseError, match="removed by `gemchain gc`; a fingerprint tells"):
            gemchain.start(function, "two", key="k")
    assert gemchain.start(flows.outline, "two", key="k", existing="return") == first


def test_the_arguments_of_an_async_chain_are_compared_as_well(engine):
    first = gemchain.start(announce, "lamp", price=2, key="k")
    assert gemchain.start(announce, "lamp", 2, key="k") == first
    with pytest.raises(gemchain.KeyInUseError, match="then: price=2\n  now:  price=3"):
        gemchain.start(announce, "lamp", 3, key="k")


def test_arguments_that_are_not_json_are_not_compared(engine):
    first = gemchain.start(kind_of, object(), key="k")
    assert gemchain.start(kind_of, object(), key="k") == first


def test_start_many_refuses_a_changed_row_and_starts_nothing_of_its_group(engine):
    gemchain.start_many(flows.outline, [{"topic": "a"}], key=lambda row: "k")
    flows.calls.clear()
    rows = [{"topic": "new"}, {"topic": "b"}]
    keys = {"new": "n", "b": "k"}
    with pytest.raises(gemchain.KeyInUseError, match="then: topic='a'\n  now:  topic='b'"):
        gemchain.start_many(flows.outline, rows, key=lambda row: keys[row["topic"]])
    assert len(engine.runtime.store.list_chains()) == 1
    new, old = gemchain.start_many(flows.outline, rows, key=lambda row: keys[row["topic"]], existing="return")
    assert new != old
    assert len(engine.runtime.store.list_chains()) == 2


def test_two_different_rows_of_one_call_cannot_share_a_key(engine):
    rows = [{"topic": "a"}, {"topic": "b"}]
    with pytest.raises(gemchain.KeyInUseError, match="then: topic='a'\n  now:  topic='b'"):
        gemchain.start_many(flows.outline, rows, key=lambda row: "k")
    one, two = gemchain.start_many(flows.outline, rows, key=lambda row: "k", existing="return")
    assert one == two


def test_who_comes_second_in_a_race_is_refused_as_well(engine, monkeypatch):
    """Another process records the chain between the look and the commit."""
    store = engine.runtime.store
    look = store.chains
    gemchain.start(flows.outline, "one", key="k")
    blind = [True]

    def chains(ids):
        return {} if blind and blind.pop() else look(ids)

    monkeypatch.setattr(store, "chains", chains)
    with pytest.raises(gemchain.KeyInUseError):
        gemchain.start(flows.outline, "two", key="k")
    blind.append(True)
    with pytest.raises(gemchain.KeyInUseError):
        gemchain.start_many(flows.outline, [{"topic": "three"}], key=lambda row: "k")
    blind.append(True)
    gemchain.start(flows.outline, "one", key="k")


def test_a_callback_that_starts_with_a_key_in_use_fails_with_the_reason(engine):
    gemchain.start(flows.outline, "one", key="k")
    chain = gemchain.start(starter, "topic", "k")
    engine.run()
    with pytest.raises(gemchain.ChainFailedError, match="KeyInUseError: key 'k' of"):
        chain.result()


def test_a_chain_of_which_no_arguments_are_known_is_returned_as_before(tmp_path, engine, monkeypatch):
    """An older `gemchain gc` left no fingerprint, and `submit` records no arguments."""
    monkeypatch.setattr("gemchain.api.start_units.arguments_text", lambda *_: "{}")
    first = gemchain.start(flows.outline, "one", key="k")
    assert gemchain.start(flows.outline, "two", key="k") == first
