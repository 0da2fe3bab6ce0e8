"""`gemchain retry`, `gemchain resume`, `gemchain fork` and `gemchain cancel`."""

from collections.abc import Sequence
from typing import Any

from gemchain.api.chains import resume
from gemchain.api.forks import fork_chain
from gemchain.api.operations import cancel_chain, retry_prompts
from gemchain.api.row_starts import failed_at_start
from gemchain.base import jsontext
from gemchain.cli.change.useless import about_useless_batches
from gemchain.cli.output.json_data import print_json
from gemchain.cli.state.lookup import find
from gemchain.cli.state.opening import existing
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import count
from gemchain.engine.operations.cancel_batch import cancel_batch
from gemchain.errors import InvalidInputError
from gemchain.records import Batch, Chain, Prompt
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["cancel_one", "fork_one", "resume_one", "retry_these"]

STUCK = (PromptState.PARKED, PromptState.FAILED)


def retry_these(state: str | None, ids: Sequence[str], *, as_json: bool) -> None:
    """Retry the FAILED and PARKED prompts of these chains, or these prompts."""
    with existing(state) as runtime:
        found = {text: find(runtime.store, text) for text in ids}
        retried = {record.id: _retry(runtime, record) for record in found.values()}
        unstarted = [each.id for each in found.values() if isinstance(each, Chain) and failed_at_start(each)]
        _report(retried, unstarted, as_json=as_json)


def _retry(runtime: Runtime, record: Chain | Prompt | Batch) -> int:
    match record:
        case Chain():
            prompts = list(runtime.store.chain_prompts(record.id))
        case Prompt():
            prompts = [record]
        case Batch():
            raise InvalidInputError(f"{record.id!r} is a batch; chains and prompts can be retried")
    return retry_prompts(runtime, [each for each in prompts if each.progress.state in STUCK])


def _report(retried: dict[str, int], failed_at_start: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"retried": retried})
        return
    console = PlainConsole(highlight=False, soft_wrap=True)
    for identity, number in retried.items():
        if number:
            text = f"{count(number, 'prompt')} back to work; the `gemchain run` command continues"
        elif identity in failed_at_start:
            text = (
                "its function raised before it submitted anything; the `gemchain run` command starts it again"
            )
        else:
            text = "nothing was FAILED or PARKED"
        console.print(f"{identity}: {text}")


def fork_one(state: str | None, text: str, *, as_json: bool) -> None:
    """Start a chain from the middle of another one."""
    with existing(state) as runtime:
        record = find(runtime.store, text)
        if not isinstance(record, Prompt):
            raise InvalidInputError(
                f"{record.id!r} is not a prompt; `gemchain show` lists the prompts of a chain"
            )
        new = fork_chain(runtime, record.chain_id, record.id)
        if as_json:
            print_json({"chain": new, "forked_from": record.id})
            return
        console = PlainConsole(highlight=False, soft_wrap=True)
        console.print(f"chain {new} continues from {record.id}; the `gemchain run` command continues")


def resume_one(state: str | None, text: str, value: str, *, name: str | None, as_json: bool) -> None:
    """Give a waiting chain its value."""
    with existing(state) as runtime:
        record = find(runtime.store, text)
        if isinstance(record, Batch):
            raise InvalidInputError(f"{record.id!r} is a batch; chains wait to be resumed")
        chain = record.chain_id if isinstance(record, Prompt) else record.id
        resume(chain, _value(value), name=name)
        if as_json:
            print_json({"chain": chain, "resumed": True})
            return
        console = PlainConsole(highlight=False, soft_wrap=True)
        console.print(f"chain {chain} has its value; the `gemchain run` command continues")


def _value(text: str) -> Any:
    """The text as JSON, or the text itself if it is not JSON: a word needs no second quotes in a shell."""
    try:
        return jsontext.load(text)
    except ValueError:
        return text


def _cancel_batch(runtime: Runtime, batch: Batch, *, as_json: bool) -> None:
    cancelled = cancel_batch(runtime, batch.id)
    if as_json:
        print_json({"batch": batch.id, "cancelled": True, "state": cancelled.state})
        return
    console = PlainConsole(highlight=False, soft_wrap=True)
    console.print(
        f"the provider was asked to stop batch {batch.id}; finished rows are used, the others are sent again"
    )


def cancel_one(state: str | None, text: str, *, as_json: bool) -> None:
    """Cancel a chain, named by its own id or by that of one of its prompts; or a batch's provider job."""
    with existing(state) as runtime:
        record = find(runtime.store, text)
        if isinstance(record, Batch):
            _cancel_batch(runtime, record, as_json=as_json)
            return
        chain = record.chain_id if isinstance(record, Prompt) else record.id
        before = runtime.store.chains([chain])[chain].state
        cancelled = cancel_chain(runtime.store, chain)
        if as_json:
            print_json(
                {"chain": chain, "cancelled": cancelled, "state": runtime.store.chains([chain])[chain].state}
            )
            return
        console = PlainConsole(highlight=False, soft_wrap=True)
        prefix = "" if record.id == chain else f"prompt {record.id} belongs to it, and "
        if cancelled:
            console.print(f"chain {chain} is cancelled; {prefix}answers that still arrive are dropped")
            for line in about_useless_batches(runtime.store):
                console.print(line)
        else:
            console.print(f"chain {chain} was {before} already; {prefix}nothing changed")
