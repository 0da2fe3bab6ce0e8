"""Chains of every kind for processes that are killed: what they come to follows from their keys alone."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import gemchain
from gemchain import chain, gather, prompt, wait

MODEL = "simulated/echo"
OTHER = "simulated/other"
EFFECTS = "CHAOS_EFFECTS"
"""The folder in which effects outside of gemchain are left, each under its own name."""


def effect() -> None:
    """An effect outside, made once for each idempotency key however often the callback runs."""
    name = os.path.join(os.environ[EFFECTS], gemchain.current().idempotency_key)  # noqa: PTH118
    with contextlib.suppress(FileExistsError):
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))


# Linear, forked, and joined chains of callbacks.


def begin(number):
    gemchain.submit(f"Title for row {number}", MODEL, spread, params={"number": number})


def spread(response, number):
    effect()
    asked = [f"{verb} of row {number}, called {response.text}" for verb in ("Keywords", "A summary")]
    if number % 3 == 0:
        gemchain.submit(asked[0], OTHER, finish, params={"number": number})
    elif number % 3 == 1:
        for each in asked:
            gemchain.submit(each, MODEL, finish, params={"number": number})
    else:
        gemchain.gather([gemchain.prompt(each, MODEL) for each in asked], join, params={"number": number})


def join(answers, number):
    effect()
    merged = " | ".join(answer.text for answer in answers)
    gemchain.submit(f"Merge for row {number}: {merged}", OTHER, finish, params={"number": number})


def finish(response, number):
    effect()
    return {"number": number, "text": response.text}


# Async chains: in a line, in branches, waiting for a person, waiting for another chain.


@chain
async def program(number):
    texts = [(await prompt(f"Draft {number}", MODEL)).text]
    texts += await gather([branch(number, index) for index in range(3)])
    return " ".join([*texts, str(gemchain.random())])


async def branch(number, index):
    text = f"Branch {index} of {number}"
    for _ in range(index):
        text = (await prompt(f"<{text}>", OTHER)).text
    return text


@chain
async def approved(number):
    draft = await prompt(f"Proposal {number}", MODEL)
    decision = await wait("decision")
    final = await prompt(f"{draft.text} was {decision}", MODEL)
    return final.text


@chain
async def parent(number):
    child = gemchain.start(begin, number * 3)
    own = await prompt(f"Beside the child of {number}", MODEL)
    return [own.text, await child]


KINDS = (begin, begin, begin, program, approved, parent)


def start_all(chains: int) -> None:
    """Start every chain that is not there yet, whoever else is just doing so."""
    for kind in dict.fromkeys(KINDS):
        numbers = [number for number in range(chains) if KINDS[number % len(KINDS)] is kind]
        gemchain.start_many(kind, _rows(numbers), key=lambda row: str(row["number"]))


def _rows(numbers: list[int]) -> Iterator[dict[str, Any]]:
    for number in numbers:
        yield {"number": number}
