"""Async chains that use the language to its ends, for the tests that kill them."""

from datetime import timedelta

import gemchain
from gemchain import chain, gather, prompt, wait
from tests.apps.flows import MODEL
from tests.apps.mistakes import OutOfStockError, fails
from tests.apps.programs import deepen, pair, raises, three


@chain
async def everything(name):
    """Branches of all kinds, errors caught and as values, a person, another chain, and chance."""
    inner = gather([prompt(f"{name} x", MODEL), deepen(f"{name} y", 2)])
    first, second, third = await gather([pair(name), inner, deepen(name, 0)])
    texts = [first, second[0].text, second[1], third]
    results = await gather([prompt("blocked", MODEL), prompt(name, MODEL)], return_exceptions=True)
    texts += [each.reason if isinstance(each, gemchain.PromptError) else each.text for each in results]
    try:
        await gather([deepen(f"{name} fine", 1), raises(f"{name} bad")])
    except ValueError as error:
        texts.append(str(error))
    child = gemchain.start(three, name)
    decision, told = await gather([wait("approval"), tells(child)])
    for round_number in range(decision["rounds"]):
        texts.append((await prompt(f"{name} {round_number} {gemchain.uuid()}", MODEL)).text)
    return [*texts, told]


async def tells(child):
    return f"it said {await child}"


@chain
async def refused():
    return await gather([deepen("fine", 1), prompt("blocked", MODEL)])


def easy(response):
    return None


@chain(max_attempts=2, backoff=1, deadline=timedelta(days=30), retry_if=easy)
async def impatient(text):
    """Rules for all prompts, a wait that nobody ends, and an exception of its own."""
    try:
        found = [await wait("nobody", deadline=timedelta(seconds=1))]
    except gemchain.PromptError as error:
        found = [error.reason]
    try:
        await gather([deepen(text, 1), fails("own")])
    except OutOfStockError as error:
        found.append(error.article)
    found.append((await prompt(text, MODEL)).text)
    return found
