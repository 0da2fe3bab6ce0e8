"""`submit` with the signature of gembatch 0.1: `from gemchain.compat import gembatch`.

The handler gets gemchain's `Response`, whose `text` is the same as that of the SDK's response. See
docs/migrating-from-gembatch.md for other attributes that a handler may have used.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gemchain.api.submission import submit as gemchain_submit

__all__ = ["submit"]


def submit(
    request: Any, model: str, handler: Callable[..., Any], params: Mapping[str, Any] | None = None
) -> str:
    """Queue a prompt; its answer goes to `handler(response, **params)`.

    Inside a handler the prompt belongs to the running chain; elsewhere it starts one.

    Args:
        request: A GenerateContentRequest body.
        model: `publishers/google/models/…`, or the bare name.
        handler: A function at the top level of a module of the application.
        params: Keyword arguments for the handler; plain JSON.

    Returns:
        The prompt's id.

    Raises:
        InvalidInputError: The prompt is invalid; gembatch would have failed later.
    """
    return gemchain_submit(request, model, handler, params=params).id
