"""Chains whose answers pass through a replay in their wire format, for tests."""

from pydantic import BaseModel

import gemchain


@gemchain.chain
async def two_tokens(model):
    both = await gemchain.gather([gemchain.prompt("a", model), gemchain.prompt("b", model)])
    last = await gemchain.prompt("c", model)
    return [last.wire_format.name, both[0].tokens.input, last.tokens.input]


class Town(BaseModel):
    name: str
    people: int = 7


@gemchain.chain
async def town(model):
    first = await gemchain.prompt("Name a town.", model, schema=Town)
    second = await gemchain.prompt(f"And one as large as {first.parsed.name}?", model, schema=Town)
    return [isinstance(first.parsed, Town), first.parsed.people, second.parsed.people, second.tokens.output]
