"""Batches at a provider that nobody waits for any more: the prompts that they send were cancelled."""

from collections.abc import Iterator

from gemchain.ports import Store
from gemchain.records.states import BatchState, PromptState

__all__ = ["about_useless_batches"]


def about_useless_batches(store: Store) -> Iterator[str]:
    """One line for each such batch, with the command that stops it."""
    for batch in store.open_batches():
        if batch.state is not BatchState.SENT:
            continue
        if not any(store.members(batch.id, state=PromptState.CLAIMED)):
            yield f"nothing waits for batch {batch.id} any more; to stop it:  gemchain cancel {batch.id}"
