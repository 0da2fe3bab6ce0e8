"""Finding a record by its id, by the unique beginning of its id, or by the key of a chain."""

from gemchain.errors import ChainNotFoundError, InvalidInputError
from gemchain.ports import Store
from gemchain.records import Batch, Chain, Prompt
from gemchain.records.identity import LONGEST

__all__ = ["find"]

SHOWN = 5
"""Candidates that an error lists."""

KEY = 40
"""Characters of a key, or of what was typed, that an error shows."""


def find(store: Store, text: str) -> Chain | Prompt | Batch:
    """The chain, prompt or batch with this id, or the chain with this key.

    A whole id comes before everything else. A key is found as a whole; each function has keys of its own, so
    that several chains may have it.

    Raises:
        ChainNotFoundError: No id begins with the text, and no chain has it as its key.
        InvalidInputError: Several do; the message lists them.
    """
    found = _candidates(store, text)
    if not found:
        raise ChainNotFoundError(
            f"no chain, prompt or batch has an id that begins with {_cut(text)!r}, and no chain has this "
            "key; `gemchain chains` lists some"
        )
    if len(found) > 1:
        raise InvalidInputError(_ambiguous(store, text, found))
    return _record(store, found[0])


def _candidates(store: Store, text: str) -> list[str]:
    """The ids that the text can mean; more than `SHOWN` when there are more."""
    if not text or len(text) > LONGEST:
        return []
    begun = store.find_ids(text, limit=SHOWN + 1)
    if text in begun:
        return [text]
    return list(dict.fromkeys([*store.find_key(text, limit=SHOWN + 1), *begun]))


def _ambiguous(store: Store, text: str, found: list[str]) -> str:
    lines = [_described(_record(store, each)) for each in found[:SHOWN]]
    more = ["and more"] if len(found) > SHOWN else []
    return "\n".join([f"{text!r} fits several; type one of their ids:", *lines, *more])


def _described(record: Chain | Prompt | Batch) -> str:
    """One line that tells a record from others."""
    match record:
        case Chain():
            key = f"  key {_cut(record.key)!r}" if record.key and record.key != record.id else ""
            return f"{record.id}  {record.state}  {record.function}{key}"
        case Prompt():
            return f"{record.id}  {record.progress.state}  prompt of {record.chain_id}"
        case Batch():
            return f"{record.id}  {record.state}  batch for {record.provider}:{record.model}"


def _cut(text: str) -> str:
    return text if len(text) <= KEY else f"{text[:KEY]}…"


def _record(store: Store, identity: str) -> Chain | Prompt | Batch:
    match identity[0]:
        case "c":
            return store.chains([identity])[identity]
        case "b":
            return store.batches([identity])[identity]
        case _:
            return store.prompts([identity])[identity]
