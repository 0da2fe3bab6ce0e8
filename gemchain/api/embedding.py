"""`embed`: vectors of texts, asked for like any other answer.

Nothing is recorded here: see `submission.py`, whose functions do it.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack, overload

from gemchain.api.chains import PromptHandle
from gemchain.api.scope import open_scope
from gemchain.api.specs import GatherSpec, OtherOptions, PromptSpec
from gemchain.api.submission import gather, prompt, submit
from gemchain.durable.frames import active_frame
from gemchain.errors import InvalidInputError
from gemchain.formats.response import Response

__all__ = ["embed"]


@overload
def embed(  # type: ignore[overload-overlap]  # a text is a sequence of texts, too, and is meant as one
    texts: str | Path | Mapping[str, Any],
    model: str | None,
    callback: None = None,
    **options: Unpack[OtherOptions],
) -> PromptSpec[Any]: ...
@overload
def embed(
    texts: Iterable[str | Path | Mapping[str, Any]],
    model: str | None,
    callback: None = None,
    **options: Unpack[OtherOptions],
) -> GatherSpec[list[Response[Any]]]: ...
@overload
def embed(
    texts: str | Path | Mapping[str, Any] | Iterable[str | Path | Mapping[str, Any]],
    model: str | None,
    callback: Callable[..., Any],
    **options: Unpack[OtherOptions],
) -> PromptHandle: ...
def embed(
    texts: Any, model: str | None, callback: Callable[..., Any] | None = None, **options: Unpack[OtherOptions]
) -> Any:
    """Ask for the vector of a text, or for those of many.

    In an async chain `response = await gemchain.embed("a text", model)` has the vector in
    `response.embedding`, a list of floats; a list of texts gives a list of responses, in its order. In a
    callback, and outside a chain, `gemchain.embed(texts, model, callback)` calls `callback(response,
    **params)`, or `callback(responses, **params)` for a list; so does `submit(text, model, callback,
    kind="embed")`.

    Args:
        texts: One text, or several. A multimodal model takes a file's `Path` as well. A dict is a request in
            the provider's own form.
        model: As for `submit`, such as `openai/text-embedding-3-small`, `gemini-api/gemini-embedding-001` or
            `simulated/embeddings`.
        callback: What to call with the answer; without one the embeddings are only described, to be awaited,
            or to be branches of a gather.
        **options: Those of `submit`. Settings such as the number of dimensions stand in `config`, in the
            provider's own words.

    Returns:
        A handle, as `submit` does; without a callback the description.

    Raises:
        InvalidInputError: The model makes no embeddings, or something else about it can never work.
    """
    options = {**options, "kind": "embed"}
    if isinstance(texts, str | Path | Mapping):
        if callback is not None:
            return submit(texts, model, callback, **options)
        return _noted(prompt(texts, model, **options))
    if not isinstance(texts, Iterable):
        raise InvalidInputError(f"embed() takes a text or a list of texts, not {texts!r:.80}")
    if options.get("key") is not None:
        raise InvalidInputError("a key names one prompt; with a list of texts, give it to gemchain.start")
    params, on_error = options.pop("params", None), options.pop("on_error", None)
    branches = [prompt(each, model, **options) for each in texts]
    if callback is not None:
        return gather(branches, callback, params=params, on_error=on_error)
    if params is not None or on_error is not None:
        raise InvalidInputError("embed() of a list takes params and on_error together with a callback only")
    return _noted(gather(branches))


def _noted(spec: Any) -> Any:
    """The description, remembered as made by the function that called `embed`, should nothing send it."""
    running = active_frame() or open_scope()
    if running is not None:
        running.described.used([spec])
        running.described.note(spec, 3)
    return spec
