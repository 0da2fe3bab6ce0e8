"""Branches: the value of a chain or of a join, once all of its prompts have ended.

It is read from the prompts themselves and never counted by deliveries. So a delivery that came twice, or
never, changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from gemchain.base import jsontext
from gemchain.durable import values
from gemchain.errors import DamagedError
from gemchain.formats.response import Response
from gemchain.records import EMBED, Chain, ChainMove, Failure, Prompt
from gemchain.records.states import ChainState, PromptState

__all__ = ["Gathered", "chain_end", "gathered", "uncalled"]


class Gathered(NamedTuple):
    """The values of a join's branches in their order; or the failure that stands for all of them."""

    values: list[Any]
    failure: Failure | None


_WITH_END = frozenset({PromptState.DONE, PromptState.FAILED})


class _Failed(NamedTuple):
    """A branch that failed. One that returned an error, as a value, did not."""

    failure: Failure
    prompt_id: str


def uncalled(prompt: Prompt, answer: Any) -> str:
    """What stands for the value of a prompt without a callback, as JSON text.

    A join wants the whole response of such a branch; a chain ends with its text, its data, or its vector.
    """
    if prompt.join_id is not None or not isinstance(answer, Response):
        return values.pack(answer)
    return jsontext.dump(_data(prompt, answer))


def _data(prompt: Prompt, answer: Response) -> Any:
    """What an answer is as data: its vector, its text, or what fits its schema."""
    if prompt.kind == EMBED:
        return answer.embedding
    return answer.text if prompt.schema is None else answer.parsed


def _value(prompt: Prompt) -> Any:
    """The value that a last prompt stands for; `_Failed` if it failed."""
    progress = prompt.progress
    if progress.failure is not None and progress.state is PromptState.FAILED:
        return _Failed(progress.failure, prompt.id)
    if prompt.durable or (prompt.callback is None and progress.failure is None):
        return values.unpack(progress.result or "null")
    return jsontext.load(progress.result or "null")


def gathered(members: Iterable[Prompt], count: int, *, return_exceptions: bool) -> Gathered | None:
    """What a join's continuation gets.

    Args:
        members: All prompts of its branches.
        count: How many branches it has.
        return_exceptions: Whether failures are values like others.

    Returns:
        None when a branch was cancelled, or sent back, so that there is nothing to go on with, or not yet.

    Raises:
        DamagedError: It cannot be told whether a branch has ended.
    """
    ends: dict[int, list[Prompt]] = {index: [] for index in range(count)}
    for leaf in _leaves(members):
        assert leaf.branch is not None
        ends[leaf.branch].append(leaf)
    unended = [each for leaves in ends.values() for each in leaves if each.progress.state not in _WITH_END]
    for leaf in unended:
        if leaf.damage is not None:
            raise DamagedError(leaf.damage)
    if unended:
        return None
    found = [_branch_value(leaves) for leaves in ends.values()]
    failed = next((each for each in found if isinstance(each, _Failed)), None)
    if failed is not None and not return_exceptions:
        return Gathered([], replace(failed.failure, retryable=False))
    return Gathered([values.error_of(*each) if isinstance(each, _Failed) else each for each in found], None)


def _branch_value(leaves: list[Prompt]) -> Any:
    """One end gives its value; several, without a join of their own, a list; the first error wins."""
    found = [_value(leaf) for leaf in sorted(leaves, key=_order)]
    failed = next((each for each in found if isinstance(each, _Failed)), None)
    return failed or (found[0] if len(found) == 1 else found)


def chain_end(chain: Chain, prompts: Iterable[Prompt], now: datetime) -> ChainMove:
    """How a forked chain ends: with its branches' values, or with the first failure among them.

    Args:
        chain: As it was read before its prompts were: one that is sent back meanwhile is not overlooked.
        prompts: All of them.
        now: When it ends.
    """
    leaves = sorted(_leaves(each for each in prompts if each.join_id is None), key=_order)
    failures = [each.progress.failure for each in leaves if each.progress.state is PromptState.FAILED]
    if failures:
        ended = ChainMove(chain.id, ChainState.RUNNING, ChainState.FAILED, failure=failures[0])
    else:
        text = _chain_value([each.progress.result or "null" for each in leaves])
        ended = ChainMove(chain.id, ChainState.RUNNING, ChainState.DONE, text)
    return ended._replace(ended_at=now, version=chain.version, owner=chain.owner)


def _chain_value(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else jsontext.join(texts)


def _order(prompt: Prompt) -> tuple[int, ...]:
    return tuple(map(int, prompt.path.split(".")))


def _leaves(prompts: Iterable[Prompt]) -> Iterator[Prompt]:
    """The last prompt of every branch: what had no children of its own."""
    seen: dict[str, Prompt] = {}
    parents: set[str] = set()
    for prompt in prompts:
        seen[prompt.id] = prompt
        if prompt.parent_id is not None:
            parents.add(prompt.parent_id)
    return (prompt for prompt_id, prompt in seen.items() if prompt_id not in parents)
