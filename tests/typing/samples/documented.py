"""The code of `docs/types.md`, as it stands there."""

from pydantic import BaseModel

import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


class Facts(BaseModel):
    points: list[str]


@gemchain.chain
async def facts(topic: str, *, count: int = 3) -> list[str]:
    response = await gemchain.prompt(f"{count} facts on {topic}", MODEL, schema=Facts)
    return response.parsed.points  # `response` is a Response[Facts], `parsed` a Facts


@gemchain.chain
async def longest(topics: list[str]) -> str:
    lists = await gemchain.gather([facts(topic) for topic in topics])  # a list[list[str]]
    return max((point for points in lists for point in points), key=len)


def typed() -> None:
    chain = gemchain.start(facts, "tin", count=2)  # a Chain[list[str]]
    first: str = chain.result()[0]
    gemchain.start(facts, "tin", cuont=2)  # error
    gemchain.start(facts, first, key=3)  # error
