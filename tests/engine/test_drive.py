"""The stages in one process: how it goes on, rests, waits for a store that is away, and stops."""

from dataclasses import replace

import pytest

import gemchain
from gemchain.engine import drive as driving
from gemchain.engine.drive import PATIENCE, Driver, drive, is_idle
from gemchain.errors import BlobError, StoreConflictError, StoreRefusedError, StoreUnavailableError
from gemchain.records import Move, Unit
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import using
from gemchain.testing import embedded
from tests.apps import flows, stages

HOUR = 3600


@pytest.fixture
def turns(monkeypatch):
    """The virtual times at which the stages were run."""
    at = []
    run = Driver._stages
    monkeypatch.setattr(
        Driver, "_stages", lambda driver: at.append(driver.runtime.clock.now()) or run(driver)
    )
    return at


class Moody:
    """A store that is away at the calls that the test names."""

    def __init__(self, inner, error=None):
        self._inner = inner
        self.error = error or StoreUnavailableError("the store is away")
        self.calls = 0
        self.is_away = lambda verb, number: False

    def __getattr__(self, verb):
        found = getattr(self._inner, verb)
        if verb in ("now", "close"):
            return found

        def call(*args, **kwargs):
            self.calls += 1
            if self.is_away(verb, self.calls):
                raise self.error
            return found(*args, **kwargs)

        return call


@pytest.fixture
def moody(tmp_path):
    """An engine with a chain of two prompts to run, whose store may be away."""
    with embedded(tmp_path, responder=flows.echo) as engine:
        flows.calls.clear()
        chain = gemchain.start(flows.outline, "x")
        store = Moody(engine.runtime.store)
        yield replace(engine.runtime, store=store), store, chain


def test_it_stops_when_nothing_is_left_to_do(stand, turns):
    assert drive(stand.runtime)
    assert len(turns) == 1
    assert is_idle(stand.runtime)


def test_a_store_that_is_away_while_a_callback_starts_a_chain_is_not_the_callbacks_fault(tmp_path):
    with embedded(tmp_path, responder=flows.echo, callback_attempts=1) as engine:
        store = Moody(engine.runtime.store)
        runtime = replace(engine.runtime, store=store)
        chain = gemchain.start(flows.start_another, "x")
        started = []

        def is_away(verb, number):
            """At the commit of the chain that the callback starts, the first time."""
            if verb == "commit" and not started:
                started.append(number)
                return True
            return False

        store.is_away = is_away
        with using(runtime):
            assert drive(runtime, timeout=HOUR)
        assert started
        assert chain.status().state is ChainState.DONE


def test_a_chain_that_is_not_settled_keeps_the_driver_running(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(flows.fork_at_once, ["x", "y"])
        driver = Driver(engine.runtime)
        while driver.turn():
            pass
        runtime = engine.runtime
        prompts = list(runtime.store.chain_prompts(chain.id))
        for prompt in prompts:
            # As a process leaves it that dies between its last commit and the look at the chain.
            after = replace(prompt.progress, state=PromptState.CANCELLED, unsettled=True)
            runtime.store.commit([Unit(token=f"u{prompt.id}", moves=(Move(prompt, after),))])
        assert not is_idle(runtime)
        assert drive(runtime, timeout=HOUR)
        assert chain.status().state is not ChainState.RUNNING
        assert is_idle(runtime)


def test_it_does_not_rest_while_something_moves(stand, turns):
    stand.submit("a")
    batch = stand.sent()
    stand.provider.land(batch, stand.provider.rows(batch).values())
    begun = stand.clock.now()
    assert drive(stand.runtime)
    assert stand.clock.now() == begun
    assert len(turns) <= 3


def test_it_looks_no_more_often_than_the_shortest_poll_while_a_job_runs(tmp_path, turns):
    with embedded(tmp_path, simulated_turnaround=HOUR, poll=10, grace=0) as engine:
        chain = gemchain.submit("slow", "simulated/echo").chain
        assert engine.run()
        assert chain.status().state == "DONE"
        assert len(turns) <= HOUR / 10 * 1.3


def test_it_asks_the_provider_more_rarely_as_the_job_grows_old(stand, turns):
    stand.set(poll=20, poll_max=100)
    stand.submit("a")
    stand.sent()
    assert not drive(stand.runtime, timeout=4 * HOUR)
    assert stand.provider.calls["poll"] < 4 * HOUR / 100 + 100


def test_it_looks_when_a_resting_prompt_is_due(stand, turns):
    stand.set(retry_delay=0.3, poll=60)
    stand.submit("a")
    stand.provider.fail(stand.sent())
    drive(stand.runtime, timeout=0.4)
    second = [batch for batch in stand.store.open_batches() if batch.state == "SENT"]
    assert len(second) == 1
    assert len(turns) < 10


def test_it_looks_when_a_callback_is_due_again(stand, turns):
    stages.before_return.append(lambda: 1 / 0)
    stand.submit("a", callback=stages.take)
    stand.arrived()
    begun = stand.clock.now()
    stand.set(poll=60)
    assert drive(stand.runtime)
    assert stages.calls == ["a", "a"]
    assert (stand.clock.now() - begun).total_seconds() == stand.runtime.settings.retry_delay
    assert len(turns) < 10


def test_it_looks_when_the_lease_of_a_dead_process_is_over(stand, turns):
    from gemchain.engine.stages.dispatch import dispatch
    from tests.support.crashing import Crash

    stand.submit("a", callback=stages.take)
    stand.arrived()
    with pytest.raises(Crash):
        list(dispatch(stand.killed("commit")))
    begun = stand.clock.now()
    stand.set(poll=600)
    assert drive(stand.runtime)
    assert (stand.clock.now() - begun).total_seconds() == stand.runtime.settings.lease
    assert len(turns) < 10


def test_it_stops_as_soon_as_its_condition_holds(stand, turns):
    first, second = stand.submit("a"), stand.submit("b", model="other")
    stand.sent_all()
    for batch in stand.store.open_batches():
        stand.provider.land(batch, stand.provider.rows(batch).values())
    assert drive(stand.runtime, until=lambda: stand.states(first) == ["DONE"])
    assert len(turns) == 1
    assert stand.states(second) == ["DONE"]


def test_it_stops_after_its_time(stand, turns):
    stand.submit("a")
    stand.sent()
    begun = stand.clock.now()
    assert not drive(stand.runtime, timeout=100)
    assert (stand.clock.now() - begun).total_seconds() == 100


def test_it_goes_on_without_work_when_it_serves_others(stand, turns):
    def look():
        if len(turns) == 5:
            stand.submit("late")

    assert not drive(stand.runtime, until_idle=False, timeout=100, watch=look)
    assert stand.provider.created
    assert 100 <= len(turns) <= 140


def test_what_is_parked_does_not_keep_it_busy(stand, turns):
    (prompt_id,) = stand.submit("a", callback=stages.take)
    stand.arrived()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(stages, "take")
        stand.runtime.continuations._functions.clear()
        assert drive(stand.runtime)
    assert stand.states([prompt_id]) == ["PARKED"]
    assert len(turns) < 5


# A store that is away.


@pytest.mark.parametrize(("period", "length"), [(17, 1), (40, 4), (100, 5)])
def test_a_store_that_is_away_now_and_then_is_asked_again(moody, period, length):
    runtime, store, chain = moody
    store.is_away = lambda verb, number: number % period < length
    assert drive(runtime, timeout=HOUR)
    assert chain.result(timeout=0) == "DRAFT X FROM (OUTLINE X)"


@pytest.mark.parametrize(
    "verb", ["counters", "open_batches", "open_parts", "queues", "next_answer_at", "commit"]
)
def test_a_store_that_is_away_for_one_verb_is_waited_for(moody, verb):
    runtime, store, chain = moody
    away = [True] * PATIENCE
    store.is_away = lambda asked, number: asked == verb and bool(away) and away.pop()
    assert drive(runtime, timeout=HOUR)
    assert len(away) < PATIENCE
    assert chain.result(timeout=0) == "DRAFT X FROM (OUTLINE X)"


def test_a_store_that_is_away_is_not_asked_without_rest(moody, turns):
    runtime, store, _ = moody
    begun = runtime.clock.now()
    store.is_away = lambda verb, number: True
    with pytest.raises(StoreUnavailableError, match="away"):
        drive(runtime)
    assert len(turns) == PATIENCE + 1
    assert (runtime.clock.now() - begun).total_seconds() >= PATIENCE * runtime.settings.poll


def test_a_condition_that_asks_a_store_that_is_away_is_asked_again(moody):
    runtime, _, chain = moody
    away = [True]

    def ended():
        if away:
            away.pop()
            raise StoreUnavailableError("away")
        return chain.status().state == "DONE"

    assert drive(runtime, until=ended)
    assert chain.result(timeout=0)


@pytest.mark.parametrize("error", [StoreRefusedError("no permission"), BlobError("disk full")])
def test_what_a_person_must_mend_is_raised_and_the_next_run_carries_on(moody, error):
    runtime, store, chain = moody
    store.error = error
    store.is_away = lambda verb, number: verb == "commit"
    with pytest.raises(type(error)):
        drive(runtime, timeout=HOUR)
    store.is_away = lambda verb, number: False
    assert drive(runtime, timeout=HOUR)
    assert chain.result(timeout=0) == "DRAFT X FROM (OUTLINE X)"


def test_a_conflict_is_the_success_of_another_process(moody):
    runtime, store, chain = moody
    store.error = StoreConflictError("taken")
    left = [True] * 3
    store.is_away = lambda verb, number: verb in ("claim", "save_part") and bool(left) and left.pop()
    assert drive(runtime, timeout=HOUR)
    assert chain.result(timeout=0) == "DRAFT X FROM (OUTLINE X)"


def test_the_watcher_is_called_after_every_part(stand):
    stand.set(part_bytes=200)
    stand.submit(*"abcdef")
    batch = stand.arrived()
    seen = []
    drive(stand.runtime, watch=lambda: seen.append(stand.store.counters().prompts.get(PromptState.DONE, 0)))
    assert len(seen) >= batch.parts
    assert seen == sorted(seen)
    assert driving.MIN_SLEEP > 0
