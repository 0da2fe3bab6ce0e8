"""What to type next: commands that work as they are printed, and what each is for."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from gemchain.api.row_starts import failed_at_start
from gemchain.cli.views.continuing import Advice, Origin, command_of, command_to_continue
from gemchain.ports import Store
from gemchain.records import Chain, Prompt
from gemchain.records.states import ChainState, PromptState

__all__ = ["advise", "resume_command"]

MOST_READ = 1_000
"""Running chains, and prompts in a state, that are read."""

LOOKED_AT = 20
"""Failed chains whose prompts are looked for."""

FUNCTIONS = 3
"""Functions whose command is printed; the others are counted."""

FILES = " (ROWS, RESULTS: the files of that run)"
_CONTINUES = (PromptState.QUEUED, PromptState.CLAIMED, PromptState.ANSWERED)


def advise(store: Store, place: str, parked: Sequence[Prompt], failed: Sequence[Chain]) -> list[Advice]:
    """What to do about the parked, the failed, the waiting and the open chains; empty when all have ended.

    Args:
        store: Whose chains.
        place: The option `--state`, as it has to follow every command; empty when it is not needed.
        parked: PARKED prompts.
        failed: FAILED chains.
    """
    at_start = [each for each in failed if failed_at_start(each)]
    later = [each for each in failed if not failed_at_start(each)]
    stuck = _retryable(store, later)
    waits = [
        each for each in store.list_prompts(state=PromptState.WAITING, limit=MOST_READ) if each.kind == "wait"
    ]
    advice = [*_about_failures(store, place, parked, stuck, later), *_about_waits(place, waits)]
    counts = store.counters().prompts
    goes_on = (
        any(counts.get(state) for state in _CONTINUES) or store.ended_waits(limit=1) or store.overdue(limit=1)
    )
    if goes_on or advice:
        chains = _to_continue(store, parked, stuck, waits)
        then = "then continue with" if advice else "continue with"
        advice += _about_runs(store, place, chains, then) if chains else []
    printed = {each.command for each in advice}
    return [*_about_starts(store, place, at_start, printed), *advice]


def resume_command(wait: Prompt, others: bool, place: str) -> str:
    """The command that gives a wait its value."""
    name = f" --name {shlex.quote(wait.key)}" if others and wait.key else ""
    return f"gemchain resume {wait.chain_id} VALUE{name}{place}"


def _retryable(store: Store, failed: Sequence[Chain]) -> list[Chain]:
    """The FAILED chains that still have a FAILED prompt; `gemchain gc` removes the prompts of others."""
    if not failed:
        return []
    prompts = store.list_prompts(state=PromptState.FAILED, limit=max(MOST_READ, 2 * len(failed)))
    with_prompts = {each.chain_id for each in prompts}
    return [each for each in failed if each.id in with_prompts]


def _about_failures(
    store: Store, place: str, parked: Sequence[Prompt], stuck: Sequence[Chain], failed: Sequence[Chain]
) -> Iterator[Advice]:
    if parked or stuck:
        example = parked[0].chain_id if parked else stuck[0].id
        yield Advice("look at one", f"gemchain show {example}{place}")
        yield Advice("mend the cause, then send back", f"gemchain retry --all{place}")
    elif any(next(iter(store.chain_prompts(each.id)), None) is None for each in failed[:LOOKED_AT]):
        yield Advice("the prompts of the failed chains are removed (`gemchain gc`): they cannot be retried")


def _about_starts(store: Store, place: str, failed: Sequence[Chain], printed: set[str]) -> Iterator[Advice]:
    """The commands that start rows again whose function raised, unless they are printed anyway."""
    if not failed:
        return
    why = "mend the function, then start them again with"
    runs = [each for each in _about_runs(store, place, failed, why) if each.command not in printed]
    if runs:
        yield Advice("look at one", f"gemchain show {failed[0].id}{place}")
        yield from runs


def _about_waits(place: str, waits: Sequence[Prompt]) -> Iterator[Advice]:
    if waits:
        number = Counter(each.chain_id for each in waits)[waits[0].chain_id]
        yield Advice("answer one that waits", resume_command(waits[0], number > 1, place))


def _to_continue(
    store: Store, parked: Sequence[Prompt], stuck: Sequence[Chain], waits: Sequence[Prompt]
) -> list[Chain]:
    """The chains that a run has to continue, those that a run started before those that a chain started."""
    ids = {each.chain_id for each in (*parked[:MOST_READ], *waits)}
    running = store.list_chains(state=ChainState.RUNNING, limit=MOST_READ)
    known = {each.id: each for each in (*running, *stuck)}
    missing = [each for each in ids if each not in known]
    found = [*known.values(), *(store.chains(missing).values() if missing else ())]
    own = [each for each in found if each.key != each.id]
    return own or found


def _about_runs(store: Store, place: str, chains: Sequence[Chain], then: str) -> Iterator[Advice]:
    """The command of each run, or one for each function, the most frequent first."""
    numbers = Counter(Origin.of(each) for each in chains)
    runs = {run.id: command_to_continue(run) for run in store.runs({each.owner for each in chains})}
    found = list(
        dict.fromkeys(
            Advice("", runs[started.owner]) if runs.get(started.owner) else command_of(started, place)
            for started, _ in numbers.most_common()
        )
    )
    shown = sorted(found[:FUNCTIONS], key=lambda each: not each.command)
    files = FILES if any("--input ROWS" in each.command for each in shown) else ""
    for number, each in enumerate(shown):
        yield each._replace(why=f"{then}{files}") if number == 0 and each.command else each
    if len(found) > FUNCTIONS:
        left = len(found) - FUNCTIONS
        yield Advice(f"and {left:,} more functions; `gemchain chains --only running` lists chains of them")
