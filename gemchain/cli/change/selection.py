"""Choosing many chains or prompts by run, state and function, and asking before anything happens to them."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import Console

from gemchain.cli.state.matching import is_function
from gemchain.cli.state.owners import owner_named
from gemchain.display.formatting import count
from gemchain.errors import InvalidInputError
from gemchain.ports import Store
from gemchain.records import Chain, Prompt
from gemchain.records.states import ChainState, PromptState

__all__ = ["Filter", "agreed", "chains_to_cancel", "functions_of", "stuck_prompts"]

PAGE = 500
SHOWN = 5
"""Functions that a preview names."""

STUCK = (PromptState.PARKED, PromptState.FAILED)


class Filter(NamedTuple):
    """What is chosen; what is None leaves everything in.

    Attributes:
        run: The id of a run, or its unique beginning; or the name of a program.
        only: A state of prompts: chains that have such a prompt are chosen.
        function: `module:function` of the chain's first function, or the function's name alone.
        everything: Whether all is meant where nothing else is given.
    """

    run: str | None = None
    only: str | None = None
    function: str | None = None
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked for."""
        return not (self.everything or self.run or self.only or self.function)

    def owner(self, store: Store) -> str | None:
        """The owner that `run` names; see `owner_named`."""
        return None if self.run is None else owner_named(store, self.run)

    def takes(self, chain: Chain) -> bool:
        """Whether a chain's function is the one that is asked for."""
        return self.function is None or is_function(chain.function, self.function)


def prompt_state(text: str | None) -> PromptState | None:
    """The state of prompts that `--only` names.

    Raises:
        InvalidInputError: It names none.
    """
    if text is None:
        return None
    found = next((each for each in PromptState if each == text.upper()), None)
    if found is None:
        names = ", ".join(each.lower() for each in PromptState)
        raise InvalidInputError(f"--only takes {names}, not {text!r}")
    return found


def chains_to_cancel(store: Store, wanted: Filter) -> Iterator[Chain]:
    """The running chains that are chosen, page by page; what is cancelled meanwhile hides no other."""
    state, owner = prompt_state(wanted.only), wanted.owner(store)
    after = None
    while page := store.list_chains(state=ChainState.RUNNING, owner=owner, limit=PAGE, after=after):
        after = page[-1].id
        for chain in page:
            if wanted.takes(chain) and (state is None or _has(store, chain, state)):
                yield chain


def _has(store: Store, chain: Chain, state: PromptState) -> bool:
    return any(each.progress.state is state for each in store.chain_prompts(chain.id))


def stuck_prompts(store: Store, wanted: Filter) -> list[Prompt]:
    """The FAILED and PARKED prompts that are chosen.

    Raises:
        InvalidInputError: `only` is another state, or the run is not known.
    """
    state, owner = prompt_state(wanted.only), wanted.owner(store)
    if state is not None and state not in STUCK:
        raise InvalidInputError(f"--only takes parked or failed here, not {wanted.only!r}")
    numbers = store.counters().prompts
    found: list[Prompt] = []
    for each in STUCK if state is None else (state,):
        listed = store.list_prompts(state=each, limit=max(PAGE, numbers.get(each, 0)))
        found += [prompt for prompt in listed if owner is None or prompt.owner == owner]
    if wanted.function is None:
        return found
    chains = store.chains({prompt.chain_id for prompt in found})
    return [
        each for each in found if (chain := chains.get(each.chain_id)) is not None and wanted.takes(chain)
    ]


def functions_of(chains: Counter[str]) -> str:
    """The functions of chains with their numbers, the most frequent first."""
    shown = [f"{number:,} {name}" for name, number in chains.most_common(SHOWN)]
    left = len(chains) - len(shown)
    return ", ".join(shown) + (f" and {count(left, 'other function')}" if left else "")


def agreed(console: Console, question: str, *, yes: bool, ask: Callable[[str], str] = input) -> bool:
    """Whether to go on: asked on a terminal, and said by `--yes` elsewhere.

    Raises:
        InvalidInputError: There is no terminal to ask on, and `--yes` was not given.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InvalidInputError(f"{question} There is no terminal to ask on: say --yes")
    console.print(f"{question} [y/N] ", end="")
    return ask("").strip().lower() in {"y", "yes"}
