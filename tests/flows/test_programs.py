"""`async def` chains, whole."""

import pytest

import gemchain
from gemchain.errors import StoreUnavailableError
from gemchain.records.states import ChainState, PromptState
from gemchain.testing import VirtualClock
from tests.apps import flows, programs
from tests.support.engines import embedded, redeploy, wide

EACH_STORE = True

BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}


def blocks(*words):
    return lambda request: BLOCKED if flows.echo(request) in words else flows.echo(request)


@pytest.fixture(autouse=True)
def _fresh():
    programs.calls.clear()


@pytest.mark.parametrize(
    ("program", "arguments", "result"),
    [
        (programs.three, ["t"], "three (two (one t))"),
        (programs.fan, [["a", "b", "c"]], "a+b+c"),
        (programs.branches, [4], ["b0", "<b1>", "<<b2>>", "<<<b3>>>"]),
        (programs.nested, [], ["<pl>|<<<pr>>>", ["x", "<<y>>"], "z"]),
        (programs.until_good, ["try"], 4),
        (programs.careful, ["fine"], "fine"),
        (programs.careful, ["bad"], "instead of blocked"),
        (programs.errors_as_values, [["a", "bad", "c"]], ["a", "blocked", "c"]),
        (programs.catches_what_branches_raise, [], "caught b"),
        (programs.early, [-1], "negative"),
        (programs.early, [7], "7"),
        (programs.no_branches, [], []),
        (programs.branches_that_end_at_once, [], ["a", "<b>", "c"]),
        (programs.all_branches_end_at_once, [], ["a", "b"]),
        (programs.tidies, [], "x"),
        (programs.parent, [["p", "q"]], ["three (two (one p))", "three (two (one q))"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_program_runs_to_its_result(tmp_path, program, arguments, result):
    with embedded(tmp_path, responder=blocks("bad")) as engine:
        chain = gemchain.start(program, *arguments)
        assert engine.run()
        assert chain.result() == result
        assert chain.status().state is ChainState.DONE


def test_a_program_is_run_again_for_every_answer_and_sends_each_prompt_once(engine):
    chain = gemchain.start(programs.three, "x")
    chain.result()
    assert programs.calls == ["run"] * 4
    assert chain.status().prompts == {PromptState.DONE: 3}


def test_prompts_of_many_programs_share_batches(engine):
    chains = gemchain.start_many(programs.three, ({"topic": f"t{i}"} for i in range(50)), key="topic")
    engine.run()
    assert [chain.result() for chain in chains] == [f"three (two (one t{i}))" for i in range(50)]
    assert len(engine.runtime.store.list_batches()) == 3


def test_an_uncaught_failure_fails_the_chain(tmp_path):
    with embedded(tmp_path, responder=blocks("bad")):
        with pytest.raises(gemchain.ChainFailedError, match="SAFETY"):
            gemchain.start(programs.careless, "bad").result()
        with pytest.raises(gemchain.ChainFailedError, match="SAFETY"):
            gemchain.start(programs.fan, ["a", "bad"]).result()


def test_an_exception_of_the_program_fails_the_chain_with_its_traceback(engine):
    with pytest.raises(gemchain.ChainFailedError, match="KeyError: 'boom'") as caught:
        gemchain.start(programs.raises_itself, "boom").result()
    assert "raises_itself" in caught.value.traceback


def test_time_chance_and_ids_are_the_same_in_every_replay(engine):
    chain = gemchain.start(programs.tells_time)
    engine.clock.advance(3600)
    before, between = chain.result()
    assert before[0] < between[0]
    assert before[1] != between[1]
    assert before[2] != between[2]


def test_a_program_sees_the_same_time_in_every_run_although_clocks_go_on(engine, monkeypatch):
    stood = VirtualClock.now

    def ticking(clock):
        clock.advance(0.001)
        return stood(clock)

    monkeypatch.setattr(VirtualClock, "now", ticking)
    assert gemchain.start(programs.sends_the_time).result() == "on time"


def test_a_program_starts_a_chain_of_callbacks_and_awaits_it(engine):
    chain = gemchain.start(programs.mixed_parent, "x")
    assert chain.result() == gemchain.start(flows.outline, "x").result()


def test_a_store_that_is_away_while_a_branch_starts_a_chain_does_not_fail_the_branch(engine, monkeypatch):
    chain = gemchain.start(programs.parent_of_branches, ["x", "y"])
    commit, failures = engine.runtime.store.commit, iter([True, False, True])

    def unsteady(units, **into):
        if any(unit.chain for unit in units) and next(failures, False):
            raise StoreUnavailableError("away for a moment")
        return commit(units, **into)

    monkeypatch.setattr(engine.runtime.store, "commit", unsteady)
    assert chain.result() == [gemchain.start(flows.outline, word).result() for word in ("x", "y")]


def test_a_branch_that_asks_for_a_later_run_at_its_beginning_gets_it(engine, monkeypatch):
    monkeypatch.setitem(programs.left, "not_now", 2)
    began = engine.clock.now()
    assert len(gemchain.start(programs.parent_of_branches, ["x"]).result()) == 1
    assert (engine.clock.now() - began).total_seconds() >= 120


def test_a_retry_leaves_a_branch_that_raised_at_once_and_the_chain_ends_again(engine):
    chain = gemchain.start(programs.a_branch_that_raises_at_once)
    assert chain.retry() == 0
    assert engine.run()
    assert chain.status().state is ChainState.FAILED
    chain.retry()
    assert engine.run()
    assert chain.status().state is ChainState.FAILED


def test_a_person_approves_days_later_in_a_new_process(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        clock = engine.clock
        chain = gemchain.start(programs.approval, "a text")
        assert engine.run()
        assert chain.status().prompts == {PromptState.DONE: 1, PromptState.WAITING: 1}
    clock.advance(3 * 24 * 3600)
    with embedded(tmp_path, responder=flows.echo, clock=clock) as engine:
        gemchain.resume(chain, {"ok": True})
        with pytest.raises(gemchain.ChainNotFoundError, match="already"):
            gemchain.resume(chain, {"ok": False})
        assert engine.run()
        assert chain.result() == "publish a text"


def test_waits_are_told_apart_by_name(engine):
    chain = gemchain.start(programs.two_waits)
    with pytest.raises(gemchain.InvalidInputError, match="'left', 'right'"):
        gemchain.resume(chain, 1)
    with pytest.raises(gemchain.ChainNotFoundError, match="'middle'"):
        gemchain.resume(chain, 1, name="middle")
    gemchain.resume(chain, "r", name="right")
    engine.run()
    gemchain.resume(chain.id, "l")
    assert chain.result() == ["l", "r"]


def test_a_callback_may_wait_for_a_person(engine):
    chain = gemchain.start(programs.wait_in_callback, "draft")
    engine.run()
    gemchain.resume(chain, "approved")
    assert chain.result() == "draft approved"


def test_a_foreign_awaitable_is_a_type_error_that_says_what_works(engine):
    with pytest.raises(gemchain.ChainFailedError, match=r"a chain can await gemchain\.prompt"):
        gemchain.start(programs.sleeps).result()


def test_submit_is_refused_inside_a_program(engine):
    with pytest.raises(gemchain.InvalidInputError, match="await prompt"):
        gemchain.start(programs.submits)


def test_going_on_while_being_suspended_is_refused(engine):
    with pytest.raises(gemchain.InvalidInputError, match="suspended"):
        gemchain.start(programs.clings)


def test_an_await_outside_of_a_program_says_where_it_works():
    with pytest.raises(TypeError, match=r"@gemchain\.chain"):
        programs.undecorated().send(None)


def test_an_async_function_without_the_decorator_is_refused(engine):
    with pytest.raises(gemchain.ContinuationError, match=r"@gemchain\.chain"):
        gemchain.start(programs.undecorated)


def test_arguments_that_are_not_json_are_refused(engine):
    with pytest.raises(gemchain.ParamsError, match="JSON"):
        gemchain.start(programs.three, object())


def test_a_program_whose_source_changed_under_it_is_parked_and_shows_both_requests(engine, monkeypatch):
    chain = gemchain.start(programs.three, "x")

    @gemchain.chain
    async def three(topic):
        first = await gemchain.prompt(f"ONE {topic}", flows.MODEL)
        return first.text

    three.__module__, three.__qualname__ = programs.__name__, "three"
    with monkeypatch.context() as patch:
        patch.setattr(programs, "three", three)
        redeploy(engine)
        with pytest.raises(gemchain.ChainParkedError, match=r"one x.*ONE x"):
            chain.result()
    redeploy(engine)
    assert chain.retry() == 1
    assert chain.result() == "three (two (one x))"


def test_a_chain_finishes_on_the_version_that_it_began_with(engine, monkeypatch):
    old = gemchain.start(programs.report_first, "x")
    new = gemchain.start(programs.report, "x")
    assert old.result() == "v1 again v1 x"
    assert new.result() == "v2 x"


def test_a_version_that_is_gone_parks_its_chains(engine, monkeypatch):
    chain = gemchain.start(programs.report_first, "x")
    monkeypatch.delattr(programs, "report_first")
    redeploy(engine)
    with pytest.raises(gemchain.ChainParkedError, match=r"no version 1 .*deployed: 2"):
        chain.result()


def test_a_cancelled_program_stops(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=600) as engine:
        chain = gemchain.start(programs.branches, 4)
        engine.run(timeout=60)
        assert chain.cancel()
        assert engine.run()
        states = set(chain.status().prompts)
        assert states == {PromptState.CANCELLED, PromptState.DONE}
        assert chain.status().state is ChainState.CANCELLED


def test_a_wide_gather_of_programs_completes(engine):
    count = wide(40, 12)
    assert gemchain.start(programs.branches, count).result()[-1].count("<") == count - 1
