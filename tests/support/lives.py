"""Lives of a process over one state folder: it dies at a write, is started again, and reaches the end."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gemchain
from gemchain.engine.drive import drive
from gemchain.records.states import OPEN_PROMPT, BatchState, ChainState
from gemchain.runtime import using
from gemchain.testing import VirtualClock
from tests.apps import flows
from tests.support.crashing import Crash, Fuse, fused
from tests.support.engines import embedded


class Work(NamedTuple):
    """What a process does in its life, and does again in the next one.

    Attributes:
        begin: Starts chains under keys, so that a start that died can be repeated; returns them.
        meanwhile: What a person does when nothing goes on by itself any more; given the chains.
    """

    begin: Callable[[], list[Any]]
    meanwhile: Callable[[list[Any]], None] = lambda _: None


def responder(request):
    """Echoes, but keeps one prompt back for ever."""
    text = flows.echo(request)
    if text == "blocked":
        return {"promptFeedback": {"blockReason": "SAFETY"}}
    return text


def outcome(chain):
    """The result of a chain, or the reason why it has none."""
    try:
        return chain.result(timeout=0)
    except gemchain.ChainError as error:
        return type(error).__name__, getattr(error, "reason", None)


def run_once(work, folder, clock, fuse):
    """One life of the process, to its end or to its death."""
    with (
        embedded(folder, responder=responder, clock=clock) as engine,
        using(fused(engine.runtime, fuse)) as runtime,
    ):
        chains = work.begin()
        drive(runtime, timeout=3600)
        work.meanwhile(chains)
        drive(runtime, timeout=3600)


def live_until_done(work, folder, fuse):
    """Lives of the process until one reaches the end; what is found there."""
    clock = VirtualClock()
    try:
        run_once(work, folder, clock, fuse)
    except Crash:
        run_once(work, folder, clock, Fuse())
    with embedded(folder, responder=responder, clock=clock) as engine:
        engine.run(timeout=3600)
        store = engine.runtime.store
        results = [outcome(chain) for chain in work.begin()]
        prompts = [prompt for chain in store.list_chains() for prompt in store.chain_prompts(chain.id)]
        paid = engine.runtime.providers.named("simulated").paid_rows()
        return {
            "results": results,
            "prompts": sorted((p.id, p.progress.state, p.progress.attempt) for p in prompts),
            "paid": dict(sorted(paid.items())),
            "open": [p for p in prompts if p.progress.state in OPEN_PROMPT],
            "running": store.list_chains(state=ChainState.RUNNING),
            "batches": store.open_batches(),
            "ended": {batch.state for batch in store.list_batches()},
        }


def check(found, undisturbed):
    """Refuse what is not as if nobody had died: lost, doubled, paid twice, or left open."""
    for each in ("results", "prompts", "paid"):
        assert found[each] == undisturbed[each], each
    for each in ("open", "running", "batches"):
        assert not found[each], each
    assert found["ended"] <= {BatchState.CLOSED}
