"""The functions that record prompts: `submit`, `submit_many`, `prompt`, `gather`, `wait`.

Everything is checked here, before anything is recorded: an error from these functions means that
nothing was written and nothing will be paid.

Longer than 300 lines: the arguments of `submit` are documented here, once for all of them.

Crash story. Outside a chain, a prompt starts one: see `recording.py`. Inside a callback nothing is
written at all: see `scope.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, Unpack, overload

from gemchain.api.chains import PromptHandle
from gemchain.api.recording import add_to_chain, groups, start_lone_chains
from gemchain.api.scope import Scope, open_scope
from gemchain.api.specs import (
    Branch,
    GatherSpec,
    ModelClass,
    OtherOptions,
    PromptOptions,
    PromptSpec,
    WaitSpec,
)
from gemchain.durable.frames import active_frame, note_described
from gemchain.errors import InvalidInputError
from gemchain.runtime import Runtime, active

__all__ = ["gather", "prompt", "submit", "submit_many", "wait"]


_KNOWN = frozenset(PromptOptions.__annotations__)

Model = TypeVar("Model", bound=ModelClass)
T = TypeVar("T")


@overload
def prompt(
    request: Any,
    model: str | None = None,
    callback: Callable[..., Any] | None = None,
    *,
    schema: type[Model],
    **options: Unpack[OtherOptions],
) -> PromptSpec[Model]: ...
@overload
def prompt(
    request: Any,
    model: str | None = None,
    callback: Callable[..., Any] | None = None,
    *,
    schema: Mapping[str, Any] | None = None,
    **options: Unpack[OtherOptions],
) -> PromptSpec[Any]: ...
def prompt(
    request: Any,
    model: str | None = None,
    callback: Callable[..., Any] | None = None,
    **options: Unpack[PromptOptions],
) -> PromptSpec[Any]:
    """Describe a prompt without sending it. The arguments are those of `submit`."""
    spec = _described(request, model, callback, options)
    _note(spec)
    return spec


def _described(
    request: Any, model: str | None, callback: Callable[..., Any] | None, options: PromptOptions
) -> PromptSpec[Any]:
    note_described()
    if not options.keys() <= _KNOWN:
        raise TypeError(_unknown(min(options.keys() - _KNOWN)))
    return PromptSpec(request, model, callback, **options)


def _note(spec: PromptSpec | GatherSpec | WaitSpec) -> None:
    """Remember that the running function has described this, to warn when it is never sent."""
    running = active_frame() or open_scope()
    if running is not None:
        running.described.note(spec, 3)


def _note_used(specs: Iterable[Any]) -> None:
    """The running function sends these, or makes them part of what it sends."""
    running = active_frame() or open_scope()
    if running is not None:
        running.described.used(specs)


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    near = get_close_matches(name, PromptOptions.__annotations__, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"prompt() and submit() take no argument {name!r}{hint}"


def submit(
    request: Any,
    model: str | None,
    callback: Callable[..., Any] | None = None,
    **options: Unpack[PromptOptions],
) -> PromptHandle:
    """Queue a prompt; its answer goes to `callback`.

    Inside a callback the prompt belongs to the running chain and is recorded together with the
    callback's end, exactly once however often the callback runs. Outside of any it starts a chain
    and is recorded when this returns.

    Args:
        request: What means the same for every provider: a text, a list of texts and `pathlib.Path`s, or
            messages `{"role", "content"}`. Or a dict in the provider's own form (for Gemini also a list of
            contents and parts, or a google-genai object), which is sent as it is.
        model: `gemini-…` (Vertex AI), `simulated/…`; the name chooses the provider. None means the chain's
            default, else the setting `default_model`.
        callback: `callback(response, **params)`, a function at the top level of a module. What it
            returns is the chain's result unless it submits again. Without one the chain's result is
            the answer: its text, or its data when a schema is given.
        params: Keyword arguments for the callback (and for `on_error`). Plain data comes back exactly as it
            was; anything else is refused.
        on_error: `on_error(error, **params)` with a `PromptError`, called instead of the callback
            when no usable answer came. Without one the chain fails.
        key: Makes the submit repeatable: the same callback and key find the chain that exists.
        schema: What the answer must fit, and is asked for: a pydantic model class, at the top level of one
            of your modules, makes `Response.parsed` an object of it; a JSON schema plain data.
        accept: Of `blocked`, `truncated`, `empty`: what the callback takes as an answer.
        max_attempts: Sends before the prompt fails. By default what its chain says (`gemchain.chain`,
            `gemchain.start`), else the setting of that name.
        backoff: Rest before the second attempt, in seconds or as a timedelta, which doubles with every
            further one; a pair names the longest rest, too. By default what its chain says, else the
            settings `retry_delay` and `retry_delay_max`.
        priority: Higher goes into a batch first; -9 to 9.
        deadline: When to give up, as a time or as a time from now: then the prompt is not sent any more. An
            answer that is on its way by then still counts. By default the chain's.
        labels: Names and values to find it by.
        retry_if: `retry_if(response)`, a function at the top level of a module that looks at a usable
            answer; when it returns something true (a text says why), the prompt is sent again. By default
            the chain's.
        config: google-genai's `GenerateContentConfig`, or a dict of its fields (`temperature`,
            `system_instruction`, `tools`, …) in either spelling. It wins over what the request says.
        system: What the model is told before the conversation. This setting and the next three mean the same
            for every provider, and win over `config`.
        temperature: How much answers vary.
        max_output_tokens: Tokens of the answer, at most.
        tools: Functions that the model may ask to be called: dicts with `name`, `description` and
            `parameters` (a JSON schema). What it asks for is in `response.tool_calls`.
        lane: `batch`, `flex`, `direct`, or `auto` (the cheapest, and among equals the fastest). By default
            what its chain says, else the setting `lane`, else batches where the provider has them.
        escalate_after: Seconds after which a batch that it is in is cancelled and what is not answered goes
            over to the next faster lane; 0 never. By default what its chain says, else the setting.
        kind: `generate` for a text, or `embed` for a vector: see `gemchain.embed`.
        allow_unknown_model: Take a model whose name is not known here, such as a new one; see the settings
            `known_models` and `allow_unknown_models`.

    Returns:
        A handle with the prompt's id and its chain.

    Raises:
        InvalidInputError: Something about it can never work; which, the subclass and message say.
        BlobError: A file could not be uploaded.
        StoreError: It could not be recorded (outside a chain).
    """
    spec = _described(request, model, callback, options)
    _refuse_inside_programs("submit()")
    runtime, scope = active(), open_scope()
    return start_lone_chains(runtime, [spec])[0] if scope is None else add_to_chain(runtime, scope, spec)


def _refuse_inside_programs(what: str) -> None:
    if active_frame() is not None:
        raise InvalidInputError(
            f"{what} is for callbacks; inside an async chain await prompt() or gather([...])"
        )


def submit_many(prompts: Iterable[PromptSpec[Any]]) -> list[PromptHandle]:
    """Queue thousands of prompts in a few commits.

    Inside a callback they all become branches of the running chain; outside, each starts a chain of
    its own. Each group is recorded before the next is described, so memory stays flat for a generator.

    Returns:
        Handles in the order of `prompts`.

    Raises:
        InvalidInputError: One of them can never work; the message carries its number. Outside a
            chain, groups before it are recorded (give keys to be able to repeat the call).
        StoreError: A group could not be recorded.
    """
    _refuse_inside_programs("submit_many()")
    runtime, scope = active(), open_scope()
    if scope is not None:
        return [_add(runtime, scope, spec) for spec in prompts]
    return [handle for group in groups(prompts) for handle in start_lone_chains(runtime, group)]


def _add(runtime: Runtime, scope: Scope, spec: PromptSpec[Any]) -> PromptHandle:
    scope.described.used([spec])
    return add_to_chain(runtime, scope, spec)


@overload
def gather(
    branches: Iterable[Branch[T]], callback: None = None, *, return_exceptions: Literal[False] = False
) -> GatherSpec[list[T]]: ...
@overload
def gather(
    branches: Iterable[Branch[T]], callback: None = None, *, return_exceptions: bool
) -> GatherSpec[list[T | Exception]]: ...
@overload
def gather(
    branches: Iterable[PromptSpec[Any] | GatherSpec[Any]],
    callback: Callable[..., Any],
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    return_exceptions: bool = False,
) -> PromptHandle: ...
def gather(
    branches: Iterable[Any],
    callback: Callable[..., Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    return_exceptions: bool = False,
) -> Any:
    """Fan out, then fan in: send all branches, and go on when all of them have ended.

    A branch begins with the prompt given here and may be many prompts long; its value is what its last
    function returned (several of them give a list, a prompt without a callback gives its `Response`).

    Args:
        branches: Described with `prompt(...)`, or with a nested `gather([...])` that has no callback.
        callback: `callback(results, **params)` gets the values in the order of `branches`. Without one
            nothing is sent: the gather is only described, to be nested in another or awaited.
        params: Keyword arguments for the callback (and for `on_error`); plain JSON.
        on_error: `on_error(error, **params)`, called when a branch failed, with the `PromptError` of the
            first that did in the order of `branches`; all have ended by then. Without one the chain fails.
        return_exceptions: Hand failures over as values, as `PromptError` objects in the list.

    Returns:
        A handle, as `submit` does; without a callback the description.

    Raises:
        InvalidInputError: One of the branches can never work; nothing is sent.
    """
    spec: GatherSpec[Any] = GatherSpec(tuple(branches), callback, params, on_error, return_exceptions)
    note_described(spec.branches)
    _note_used(spec.branches)
    if callback is None:
        _note(spec)
        return spec
    _refuse_inside_programs("gather() with a callback")
    runtime, scope = active(), open_scope()
    return start_lone_chains(runtime, [spec])[0] if scope is None else add_to_chain(runtime, scope, spec)


@overload
def wait(
    name: str = "", callback: None = None, *, deadline: datetime | timedelta | None = None
) -> WaitSpec: ...
@overload
def wait(
    name: str,
    callback: Callable[..., Any],
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    deadline: datetime | timedelta | None = None,
) -> PromptHandle: ...
def wait(
    name: str = "",
    callback: Callable[..., Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    deadline: datetime | timedelta | None = None,
) -> Any:
    """Wait for a person, or for another system, however long it takes: see `gemchain.resume`.

    In an async chain, `value = await gemchain.wait("approval")`. In a callback, `gemchain.wait("approval",
    decide)` calls `decide(value, **params)` when the value comes.

    Args:
        name: Which wait of the chain `resume` means, where there are several.
        callback: What to call with the value; None in an async chain.
        params: Keyword arguments for the callback (and for `on_error`); plain JSON.
        on_error: `on_error(error, **params)`, called when the deadline passes. Without one the chain fails.
        deadline: When to wait no longer, as a time or as a time from now; by default the chain's. Then the
            wait ends with a `PromptError` whose `reason` is `deadline`: raised at the await, where the
            program may catch it.

    Returns:
        A handle, as `submit` does; without a callback the description, to be awaited.

    Raises:
        InvalidInputError: The callback can never work, or nothing runs that could wait.
    """
    note_described()
    spec = WaitSpec(name, callback, params, on_error, deadline)
    if callback is None:
        _note(spec)
        return spec
    _refuse_inside_programs("wait() with a callback")
    runtime, scope = active(), open_scope()
    if scope is None:
        raise InvalidInputError("wait() is for functions of a chain; start one with gemchain.start")
    return add_to_chain(runtime, scope, spec)
