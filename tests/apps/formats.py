"""Chains whose answers pass through a replay in their wire format, for tests."""

import gemchain


@gemchain.chain
async def two_tokens(model):
    both = await gemchain.gather([gemchain.prompt("a", model), gemchain.prompt("b", model)])
    last = await gemchain.prompt("c", model)
    return [last.wire_format.name, both[0].tokens.input, last.tokens.input]
