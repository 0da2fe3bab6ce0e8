"""What an async chain may await beside prompts, and the records that its awaits become."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gemchain.api.returned import check_ended
from gemchain.api.scope import Scope, entered
from gemchain.api.specs import ChainAwait, GatherSpec, PromptSpec
from gemchain.api.validation import EMPTY, WAITING, make_draft, make_timed_wait, make_wait
from gemchain.base import jsontext
from gemchain.durable import values
from gemchain.durable.program import At, Ended, New, Raised
from gemchain.errors import InvalidInputError
from gemchain.records import Draft, Progress, Prompt
from gemchain.records.identity import placed_id
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["drafts_of", "placed"]


def placed(chain_id: str, awaited: At | New) -> str:
    """The id of the record of what is awaited."""
    return placed_id("j" if isinstance(awaited.spec, GatherSpec) else "p", chain_id, awaited.place)


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a record hangs: under which parent, in which branch of which join."""

    runtime: Runtime
    scope: Scope
    function: str
    join_id: str | None
    branch: int | None

    def finish(self, prompt: Prompt, new: New) -> Prompt:
        """The record of `new`, however it was begun."""
        parent = self.scope.parent
        with entered(self.scope):  # which model a prompt without one means, its chain says
            digest = new.spec.digest
        return replace(
            prompt,
            id=placed(self.scope.chain_id, new),
            parent_id=parent.id if parent else None,
            path=new.place,
            durable=True,
            callback=self.function if new.resumes else None,
            forked=self.join_id is not None,
            join_id=self.join_id,
            branch=self.branch,
            request_hash=digest,
        )


def drafts_of(runtime: Runtime, scope: Scope, function: str, new: Sequence[New]) -> tuple[Draft, ...]:
    """The records of what a program awaits and its history does not know.

    Args:
        runtime: Where models are looked up.
        scope: Whose parent is the prompt at whose outcome the program went on.
        function: The stored name of the chain.
        new: What the replay found.

    Raises:
        InvalidInputError: One of them can never work.
    """
    parent = scope.parent
    join_id, branch = (parent.join_id, parent.branch) if parent else (None, None)
    around = _Around(runtime, scope, function, join_id, branch)
    return tuple(draft for each in new for draft in _drafts(around, each))


def _drafts(around: _Around, new: New) -> list[Draft]:
    spec = new.spec
    if getattr(spec, "callback", None) is not None or getattr(spec, "on_error", None) is not None:
        raise InvalidInputError(
            "an async chain awaits its prompts: write what follows after the await, not as callback"
        )
    if isinstance(spec, PromptSpec):
        draft = make_draft(around.runtime, around.scope, replace(spec, key=None))
        return [Draft(around.finish(draft.prompt, new), draft.request)]
    if isinstance(spec, GatherSpec):
        return _join(around, new)
    if isinstance(spec, ChainAwait):
        waiting = make_timed_wait(around.scope, "chain", spec.chain_id)
    else:
        waiting = make_timed_wait(around.scope, "wait", spec.name, spec.deadline)
    return [Draft(around.finish(waiting, new), "{}")]


def _join(around: _Around, new: New) -> list[Draft]:
    spec = new.spec
    waits = any(not isinstance(begun, Ended | Raised) for begun in new.branches)
    join = around.finish(make_wait(around.scope, "join", None), new)
    join = replace(join, progress=WAITING if waits else EMPTY)
    options = {"branches": len(new.branches), "return_exceptions": spec.return_exceptions}
    drafts = [Draft(join, jsontext.dump(options))]
    for index, begun in enumerate(new.branches):
        inside = replace(around, join_id=join.id, branch=index)
        if isinstance(begun, Ended | Raised):
            drafts.append(_ended_at_once(inside, begun, f"{new.place}.{index}.0"))
        else:
            drafts += [draft for each in begun for draft in _drafts(inside, each)]
    return drafts


def _ended_at_once(around: _Around, begun: Ended | Raised, path: str) -> Draft:
    """A branch that awaited nothing: its value is kept in a record that was never open."""
    scope = around.scope
    if isinstance(begun, Ended):
        check_ended(f"branch {path.rpartition('.')[0]} of {around.function}", begun.value, in_branch=True)
        progress = Progress(PromptState.DONE, result=values.pack(begun.value), ended_at=scope.created_at)
    else:
        failure = values.failure_of(begun.error)
        progress = Progress(PromptState.FAILED, failure=failure, ended_at=scope.created_at)
    prompt = replace(
        make_wait(scope, "value", None),
        id=placed_id("p", scope.chain_id, path),
        path=path,
        durable=True,
        forked=True,
        join_id=around.join_id,
        branch=around.branch,
        progress=progress,
    )
    return Draft(prompt, "{}")
