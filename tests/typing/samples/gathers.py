"""Types of gathers: lists of what the branches give. `# error:` marks what type checkers must refuse."""

from typing import Any, assert_type

from pydantic import BaseModel

import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


class Facts(BaseModel):
    points: list[str]


@gemchain.chain
async def one(topic: str) -> int:
    return len(topic)


@gemchain.chain
async def many(topics: list[str]) -> list[str]:
    answers = await gemchain.gather([gemchain.prompt(topic, MODEL) for topic in topics])
    assert_type(answers, list[gemchain.Response[Any]])
    parsed = await gemchain.gather(gemchain.prompt(topic, MODEL, schema=Facts) for topic in topics)
    assert_type(parsed[0].parsed.points, list[str])
    assert_type(await gemchain.gather([one(topic) for topic in topics]), list[int])
    both = await gemchain.gather((one("a"), one("b")))
    assert_type(both, list[int])
    tried = await gemchain.gather([one(topic) for topic in topics], return_exceptions=True)
    assert_type(tried, list[int | Exception])
    nested = await gemchain.gather([gemchain.gather([one(topic)]) for topic in topics])
    assert_type(nested, list[list[int]])
    await gemchain.gather(topics)  # error
    await gemchain.gather([1, 2])  # error
    return [answer.text for answer in answers]


def fan_out(topics: list[str]) -> None:
    handle = gemchain.gather([gemchain.prompt(topic, MODEL) for topic in topics], fan_in, params={"n": 1})
    assert_type(handle, gemchain.PromptHandle)
    gemchain.gather([gemchain.prompt("a", MODEL)], fan_in, parms={})  # error


def fan_in(results: list[gemchain.Response], n: int) -> int:
    return n + len(results)
