"""Finding a record by its id, or by the unique beginning of its id."""

from gemchain.errors import ChainNotFoundError, InvalidInputError
from gemchain.ports import Store
from gemchain.records import Batch, Chain, Prompt

__all__ = ["find"]

SHOWN = 5


def find(store: Store, text: str) -> Chain | Prompt | Batch:
    """The chain, prompt or batch with this id.

    Raises:
        ChainNotFoundError: No id begins with the text.
        InvalidInputError: Several ids begin with it.
    """
    found = store.find_ids(text, limit=SHOWN + 1) if text else []
    if text in found:
        found = [text]
    if not found:
        raise ChainNotFoundError(
            f"no chain, prompt or batch has an id that begins with {text!r}; `gemchain chains` lists some"
        )
    if len(found) > 1:
        more = ", …" if len(found) > SHOWN else ""
        raise InvalidInputError(
            f"{text!r} fits several ids: {', '.join(found[:SHOWN])}{more}; type more of it"
        )
    return _record(store, found[0])


def _record(store: Store, identity: str) -> Chain | Prompt | Batch:
    match identity[0]:
        case "c":
            return store.chains([identity])[identity]
        case "b":
            return store.batches([identity])[identity]
        case _:
            return store.prompts([identity])[identity]
