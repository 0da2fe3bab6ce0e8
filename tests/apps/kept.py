"""Chains that outlive others: what they need of those must not be removed under them."""

import gemchain
from gemchain import chain, prompt, wait
from tests.apps import flows

MODEL = flows.MODEL


@chain
async def asks_a_person_in_between(word):
    """Starts another chain, waits for weeks, and runs from its start again when it goes on."""
    other = gemchain.start(flows.outline, word)
    said = await wait("opinion")
    return [await other, said]


@chain
async def awaits(chain_id):
    return await gemchain.Chain(chain_id)


@chain
async def waits_then_awaits(chain_id):
    await wait("time")
    return await gemchain.Chain(chain_id)


@chain
async def answers_then_waits(word):
    first = await prompt(word, MODEL)
    said = await wait("more")
    second = await prompt(f"{first.text} and {said}", MODEL)
    return second.text
