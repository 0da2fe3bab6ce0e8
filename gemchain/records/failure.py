"""Why a prompt has no usable answer."""

from gemchain.records.frozen import frozen

__all__ = ["Failure"]


@frozen()
class Failure:
    """Why a prompt has no usable answer, in words for a person.

    Attributes:
        reason: One word: `blocked`, `truncated`, `empty`, `invalid` (does not fit the schema), `error`
            (the row carries an error), `missing` (no row came back), `job` (the whole job failed),
            `rejected` (the provider refused the job), `callback` (the next function raised),
            `unresolved` (the next function cannot be found), `damaged` (its record makes no sense),
            `deadline`.
        message: What happened, in the provider's or the function's own words.
        retryable: Whether sending the prompt again may help.
        traceback: Where the callback raised, as text.
        error: JSON text of the exception itself, where it can be raised again: see `raised.py`.
    """

    reason: str
    message: str
    retryable: bool = False
    traceback: str | None = None
    error: str | None = None
