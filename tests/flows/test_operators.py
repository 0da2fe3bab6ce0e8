"""What operators do with chains: rehearse them, fork them, cancel a batch."""

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

import gemchain
from gemchain.cli.app import app
from gemchain.engine.operations.cancel_batch import cancel_batch
from gemchain.engine.operations.replay_check import check_replay
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.testing import VirtualClock
from tests.apps import flows, joins, programs
from tests.support.engines import embedded, on_sqlite, redeploy

EACH_STORE = True

BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}


def prompt_of(engine, chain, text):
    store = engine.runtime.store
    prompts = list(store.chain_prompts(chain.id))
    requests = store.requests([each.id for each in prompts])
    found = [each for each in prompts if text in requests[each.id]]
    return min(found, key=lambda each: each.size)  # later ones quote earlier ones; a store has no order


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (flows.outline, ["x"]),
        (flows.fork, ["x"]),
        (joins.map_reduce, [["a", "b"]]),
        (joins.nested, [3]),
        (programs.three, ["x"]),
        (programs.nested, []),
        (programs.branches, [4]),
        (programs.catches_what_branches_raise, []),
        (programs.tells_time, []),
        (programs.branches_that_end_at_once, []),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_finished_chain_rehearses_without_a_difference_and_sends_nothing(engine, function, arguments):
    chain = gemchain.start(function, *arguments)
    engine.run()
    before = engine.runtime.store.counters()
    assert check_replay(engine.runtime, chain.id) == []
    assert engine.runtime.store.counters() == before


def test_a_rehearsal_shows_a_callback_that_would_submit_something_else(engine, monkeypatch):
    chain = gemchain.start(flows.outline, "x")
    engine.run()

    def draft(response, topic):
        gemchain.submit(f"DRAFT {topic}", flows.MODEL, flows.finish)

    draft.__module__, draft.__qualname__ = flows.__name__, "draft"
    monkeypatch.setattr(flows, "draft", draft)
    redeploy(engine)
    (difference,) = check_replay(engine.runtime, chain.id)
    assert "draft x from" in difference.message
    assert "DRAFT x" in difference.message


def test_a_rehearsal_shows_a_callback_that_is_gone(engine, monkeypatch):
    chain = gemchain.start(flows.outline, "x")
    engine.run()
    monkeypatch.delattr(flows, "finish")
    redeploy(engine)
    assert any("no function 'finish'" in each.message for each in check_replay(engine.runtime, chain.id))


def test_a_rehearsal_shows_a_program_that_awaits_something_else(engine, monkeypatch):
    chain = gemchain.start(programs.three, "x")
    engine.run()

    @gemchain.chain
    async def three(topic):
        first = await gemchain.prompt(f"one {topic}", flows.MODEL)
        return (await gemchain.prompt(f"TWO ({first.text})", flows.MODEL)).text

    three.__module__ = programs.__name__
    monkeypatch.setattr(programs, "three", three)
    redeploy(engine)
    (difference,) = check_replay(engine.runtime, chain.id)
    assert "place 1" in difference.message


def test_a_rehearsal_of_nothing_says_so(engine):
    with pytest.raises(gemchain.ChainNotFoundError):
        check_replay(engine.runtime, "c-none")


@on_sqlite
def test_replay_on_the_command_line_tells_by_its_exit_code(tmp_path, monkeypatch):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(programs.three, "x")
        engine.run()
    run = CliRunner().invoke
    good = run(app, ["replay", chain.id, "--state", str(tmp_path)])
    assert (good.exit_code, "runs as it did" in good.output) == (0, True)
    monkeypatch.delattr(programs, "three")
    bad = run(app, ["replay", chain.id, "--state", str(tmp_path)])
    assert (bad.exit_code, "no version 1" in bad.output) == (1, True)


@on_sqlite
def test_replay_finds_functions_in_the_modules_that_the_settings_list(tmp_path, monkeypatch):
    with embedded(tmp_path / "state", responder=flows.echo) as engine:
        chain = gemchain.start(programs.three, "x")
        engine.run()
    monkeypatch.setenv("GEMCHAIN_MODULES", "elsewhere, tests")
    known = ["replay", chain.id, "--state", str(tmp_path / "state"), "--app", str(tmp_path)]
    assert "runs as it did" in CliRunner().invoke(app, known).output


def test_a_fork_keeps_the_answers_before_a_prompt_and_pays_only_for_the_rest(tmp_path):
    answers = {"draft": "first"}

    def answer(request):
        text = flows.echo(request)
        return f"{text} {answers['draft']}" if text.startswith("draft") else text

    with embedded(tmp_path, responder=answer) as engine:
        chain = gemchain.start(flows.outline, "x")
        assert chain.result() == "DRAFT X FROM (OUTLINE X) FIRST"
        answers["draft"] = "second"
        paid = sum(engine.runtime.providers.named("simulated").paid_rows().values())
        forked = chain.fork(prompt_of(engine, chain, "draft x").id)
        assert forked.result() == "DRAFT X FROM (OUTLINE X) SECOND"
        assert chain.result() == "DRAFT X FROM (OUTLINE X) FIRST"
        assert sum(engine.runtime.providers.named("simulated").paid_rows().values()) == paid + 1


@pytest.mark.parametrize(
    ("function", "arguments", "text", "paid"),
    [
        (joins.map_reduce, [["a", "b", "c"]], '"b"', 2),
        (joins.map_reduce, [["a", "b", "c"]], "sum", 1),
        (programs.three, ["x"], "two (one x)", 2),
        (programs.branches, [4], '"<<b2>>"', 1),
        (programs.nested, [], '"<pl>"', None),
    ],
)
def test_a_fork_of_anything_comes_to_the_same_end(engine, function, arguments, text, paid):
    chain = gemchain.start(function, *arguments)
    engine.run()
    provider = engine.runtime.providers.named("simulated")
    before = sum(provider.paid_rows().values())
    forked = chain.fork(prompt_of(engine, chain, text).id)
    assert forked.result() == chain.result()
    again = sum(provider.paid_rows().values()) - before
    assert 0 < again < before
    assert paid is None or again == paid


def test_a_chain_under_way_cannot_be_forked(tmp_path):
    with embedded(tmp_path, simulated_turnaround=600) as engine:
        chain = gemchain.start(flows.outline, "x")
        (prompt,) = engine.runtime.store.chain_prompts(chain.id)
        with pytest.raises(gemchain.InvalidInputError, match="under way"):
            chain.fork(prompt.id)
        with pytest.raises(gemchain.ChainNotFoundError):
            chain.fork("p-none")


def test_of_a_cancelled_batch_what_is_finished_is_used_and_the_rest_sent_again(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=600) as engine:
        chains = gemchain.start_many(flows.careless, ({"text": f"t{i}"} for i in range(40)))
        engine.run(timeout=300)
        (batch,) = engine.runtime.store.open_batches()
        assert batch.state is BatchState.SENT
        cancel_batch(engine.runtime, batch.id)
        assert engine.run()
        assert [chain.result() for chain in chains] == [f"T{i}" for i in range(40)]
        first, second = sorted(engine.runtime.store.list_batches(), key=lambda each: each.created_at)
        assert first.counts.done > 0
        assert second.requests == first.counts.missing > 0
        assert set(engine.runtime.providers.named("simulated").paid_rows().values()) == {1}
        with pytest.raises(gemchain.InvalidInputError, match="only a SENT one"):
            cancel_batch(engine.runtime, batch.id)
        with pytest.raises(gemchain.InvalidInputError, match="no batch"):
            cancel_batch(engine.runtime, "b-none")


@on_sqlite
def test_retry_on_the_command_line_takes_a_state(tmp_path):
    # The command line lives in real time, so the engine around it must not live in the past.
    clock = VirtualClock(datetime.now(UTC) + timedelta(days=1))
    with embedded(tmp_path, responder=lambda _: BLOCKED, clock=clock) as engine:
        chain = gemchain.start(flows.careless, "x")
        engine.run()
    run = CliRunner().invoke
    assert "Nothing was sent back" in run(app, ["retry", "--only", "parked", "--state", str(tmp_path)]).output
    assert (
        "1 prompt back" in run(app, ["retry", "--only", "failed", "--state", str(tmp_path), "--yes"]).output
    )
    assert run(app, ["retry", "--only", "done", "--state", str(tmp_path)]).exit_code == 2
    with embedded(tmp_path, responder=flows.echo, clock=clock):
        assert chain.result() == "X"
        assert chain.status().state is ChainState.DONE
        assert chain.status().prompts == {PromptState.DONE: 1}


def test_a_cancelled_chain_may_be_forked_and_keeps_its_answers(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=600) as engine:
        chain = gemchain.start(programs.three, "x")
        engine.run(timeout=700)
        assert chain.cancel()
        engine.run()
        stopped = prompt_of(engine, chain, "two")
        assert stopped.progress.state is PromptState.CANCELLED
        batches = len(engine.runtime.store.list_batches())
        assert chain.fork(stopped.id).result() == "three (two (one x))"
        assert len(engine.runtime.store.list_batches()) == batches + 2
        assert chain.status().state is ChainState.CANCELLED


def test_the_help_of_cancel_says_that_a_prompt_takes_its_chain_along():
    told = " ".join(CliRunner().invoke(app, ["cancel", "--help"]).output.split())
    assert "Given a prompt, stop its whole chain" in told
