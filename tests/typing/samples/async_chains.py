"""Types of async chains: arguments, results, awaits. `# error:` marks what type checkers must refuse."""

from datetime import timedelta
from typing import Any, assert_type

from pydantic import BaseModel

import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


class Facts(BaseModel):
    points: list[str]


@gemchain.chain
async def outline(topic: str, *, points: int = 3) -> str:
    response = await gemchain.prompt(f"{points} points on {topic}", MODEL)
    assert_type(response, gemchain.Response[Any])
    assert_type(response.text, str)
    return response.text


@gemchain.chain(name="facts", version=2, max_attempts=5, deadline=timedelta(days=1))
async def facts(topic: str) -> list[str]:
    response = await gemchain.prompt(f"Facts on {topic}", MODEL, schema=Facts, max_attempts=2)
    assert_type(response, gemchain.Response[Facts])
    assert_type(response.parsed, Facts)
    misspelt = response.parsed.pionts  # error
    return [*response.parsed.points, misspelt]


@gemchain.chain
async def nested(topic: str) -> int:
    chain = gemchain.start(facts, topic)
    assert_type(await chain, list[str])
    assert_type(await outline(topic, points=2), str)
    data = await gemchain.prompt("data", MODEL, schema={"type": "object"})
    assert_type(data.parsed, Any)
    assert_type(await gemchain.wait("approval", deadline=timedelta(hours=1)), Any)
    return 3


@gemchain.chain  # error
def no_chain(topic: str) -> str:
    return topic


@gemchain.chain(versoin=2)  # error
async def mistaken(topic: str) -> str:
    return topic


async def signatures() -> None:
    assert_type(await outline("tin", points=2), str)
    await outline(3)  # error
    await outline("tin", 2)  # error
    await outline("tin", pionts=2)  # error
    await facts("tin", 2)  # error


def starts() -> None:
    assert_type(gemchain.start(outline, "tin"), gemchain.Chain[str])
    assert_type(gemchain.start(outline, topic="tin", points=2), gemchain.Chain[str])
    assert_type(gemchain.start(outline, "tin", key="a").result(), str)
    assert_type(gemchain.start(outline, "tin", points=2, key="a").result(timeout=3), str)
    assert_type(gemchain.start(facts, "tin", defaults={"max_attempts": 1}).result(), list[str])
    gemchain.start(outline)  # error
    gemchain.start(outline, 3)  # error
    gemchain.start(outline, "tin", pionts=2)  # error
    gemchain.start(outline, "tin", key=3)  # error
    gemchain.start(outline, "tin", key="a", defaults=3)  # error
    gemchain.start("outline")  # error
    # mypy checks no arguments beside key and defaults: see `start`.
    gemchain.start(outline, 3, key="a")  # error in pyright
    gemchain.start(outline, "tin", pionts=2, defaults={})  # error in pyright
    length: int = gemchain.start(outline, "tin").result()  # error
    assert length


def starts_of_many(topics: list[str]) -> None:
    rows = [{"topic": topic} for topic in topics]
    chains = gemchain.start_many(facts, rows, key="topic")
    assert_type(chains, list[gemchain.Chain[list[str]]])
    assert_type(gemchain.start_many(outline, iter(rows), key=lambda row: row["topic"])[0].result(), str)
    gemchain.start_many(outline, topics)  # error
    gemchain.start_many(outline, rows, key=3)  # error
    gemchain.start_many(outline, rows, key=len)  # error
    gemchain.start_many(outline, rows, keys="topic")  # error


def forks(chain: gemchain.Chain[str]) -> None:
    assert_type(chain.fork("p1"), gemchain.Chain[str])
    gemchain.resume(chain, {"yes": True}, name="approval")


def any_chain(chain: gemchain.Chain) -> None:
    assert_type(chain.result(), Any)
