"""`gemchain cancel` and `gemchain retry` for many chains at once: a preview, a question, and the work."""

from collections import Counter

from gemchain.api.operations import CALLBACK_ONLY, cancel_chain, retry_prompts
from gemchain.base.chunks import chunked
from gemchain.cli.change.selection import Filter, agreed, chains_to_cancel, functions_of, stuck_prompts
from gemchain.cli.change.useless import about_useless_batches
from gemchain.cli.output.json_data import print_json
from gemchain.cli.state.opening import existing
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import count
from gemchain.records import Prompt
from gemchain.runtime import Runtime

__all__ = ["cancel_many", "retry_many"]

PAGE = 500


def cancel_many(state: str | None, wanted: Filter, *, yes: bool, as_json: bool) -> None:
    """Cancel the running chains that are chosen."""
    with existing(state) as runtime:
        store = runtime.store
        functions = Counter(chain.function for chain in chains_to_cancel(store, wanted))
        number = functions.total()
        console = PlainConsole(stderr=as_json, highlight=False, soft_wrap=True)
        if number:
            console.print(f"{count(number, 'running chain')}: {functions_of(functions)}")
        if not number or not agreed(console, f"Cancel {count(number, 'chain')}?", yes=yes):
            _tell(console, {"cancelled": 0}, "Nothing was cancelled.", as_json=as_json)
            return
        cancelled = sum(cancel_chain(store, chain.id) for chain in chains_to_cancel(store, wanted))
        text = f"{count(cancelled, 'chain')} cancelled; answers that still arrive are dropped"
        text = "\n".join([text, *about_useless_batches(store)])
        _tell(console, {"cancelled": cancelled}, text, as_json=as_json)


def retry_many(state: str | None, wanted: Filter, *, yes: bool, as_json: bool) -> None:
    """Send the FAILED and PARKED prompts that are chosen back to work."""
    with existing(state) as runtime:
        prompts = stuck_prompts(runtime.store, wanted)
        console = PlainConsole(stderr=as_json, highlight=False, soft_wrap=True)
        if prompts:
            console.print(_preview(prompts))
        question = f"Send {count(len(prompts), 'prompt')} back to work?"
        if not prompts or not agreed(console, question, yes=yes):
            _tell(console, {"retried": {"all": 0}}, "Nothing was sent back.", as_json=as_json)
            return
        retried = _retry(runtime, prompts)
        text = f"{count(retried, 'prompt')} back to work; the `gemchain run` command continues"
        _tell(console, {"retried": {"all": retried}}, text, as_json=as_json)


def _retry(runtime: Runtime, prompts: list[Prompt]) -> int:
    return sum(retry_prompts(runtime, page) for page in chunked(prompts, PAGE))


def _preview(prompts: list[Prompt]) -> str:
    states = Counter(prompt.progress.state.value for prompt in prompts)
    free = sum(map(_has_its_answer, prompts))
    text = f"{', '.join(f'{number:,} {state}' for state, number in states.items())}: "
    parts = []
    if free:
        parts.append(f"{free:,} have their answer, and are not paid again")
    if paid := sum(prompt.kind == "generate" for prompt in prompts) - free:
        parts.append(f"{paid:,} are sent and paid again")
    return text + ("; ".join(parts) or "nothing of it is sent")


def _has_its_answer(prompt: Prompt) -> bool:
    failure = prompt.progress.failure
    known = prompt.progress.answer is not None and failure is not None and failure.reason in CALLBACK_ONLY
    return prompt.kind == "generate" and known


def _tell(console: PlainConsole, data: dict[str, object], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(data)
    else:
        console.print(text)
