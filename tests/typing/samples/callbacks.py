"""Types of chains of callbacks, and of prompts. `# error:` marks what type checkers must refuse."""

from typing import Any, assert_type

from pydantic import BaseModel

import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


class Facts(BaseModel):
    points: list[str]


def begin(topic: str, count: int = 1) -> None:
    handle = gemchain.submit(
        f"{count} facts on {topic}", MODEL, finish, params={"topic": topic}, schema=Facts
    )
    assert_type(handle, gemchain.PromptHandle)
    gemchain.submit("x", MODEL, finish, parms={})  # error
    gemchain.submit("x", MODEL, finish, max_attempts="3")  # error
    gemchain.submit("x", MODEL, finish, schema=int)  # error
    gemchain.submit("x", MODEL, "finish")  # error


def finish(response: gemchain.Response[Facts], topic: str) -> str:
    assert_type(response.parsed.points, list[str])
    return f"{topic}: {response.parsed.points}"


def plain(response: gemchain.Response) -> str:
    assert_type(response.parsed, Any)
    return response.text


def described() -> None:
    assert_type(gemchain.prompt("x", MODEL, schema=Facts), gemchain.PromptSpec[Facts])
    assert_type(gemchain.prompt("x", MODEL), gemchain.PromptSpec[Any])
    gemchain.prompt("x")
    gemchain.submit("x")  # error
    gemchain.prompt("x", MODEL, schema=int)  # error
    gemchain.prompt("x", MODEL, priorty=1)  # error


def starts() -> None:
    assert_type(gemchain.start(begin, "tin"), gemchain.Chain[Any])
    assert_type(gemchain.start(begin, "tin", count=2, key="a").result(), Any)
    gemchain.start(begin)  # error
    gemchain.start(begin, 3)  # error
    gemchain.start(begin, "tin", cuont=2)  # error
    gemchain.start(begin, "tin", "2", key="a")  # error in pyright
    assert_type(gemchain.start_many(begin, [{"topic": "tin"}]), list[gemchain.Chain[Any]])


@gemchain.callback(aliases=["renamed"])
def kept(response: gemchain.Response, count: int) -> int:
    return count + len(response.text)


kept("no response", 3)  # error
