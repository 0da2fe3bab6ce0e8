"""Answers as objects of classes, for the tests of `schema=`."""

import dataclasses

from pydantic import BaseModel, Field

import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


class Person(BaseModel):
    name: str
    age: int = Field(ge=0)


class Team(BaseModel):
    lead: Person
    members: list[Person]
    motto: str | None = None


class Node(BaseModel):
    value: int
    children: list["Node"] = []


@dataclasses.dataclass
class NoModel:
    name: str


class Outer:
    class Inner(BaseModel):
        name: str


def ask(text: str, config=None) -> None:
    gemchain.submit(text, MODEL, told, schema=Team, on_error=failed, config=config)


def told(response: gemchain.Response) -> list:
    team = response.parsed
    assert type(team) is Team
    return [type(team.lead).__name__, team.lead.age, len(team.members)]


def failed(error: gemchain.PromptError) -> list:
    return [error.reason, error.message]


@gemchain.chain
async def awaited(text: str) -> str:
    first = await gemchain.prompt(text, MODEL, schema=Person)
    several = await gemchain.gather([gemchain.prompt(text, MODEL, schema=Person) for _ in range(2)])
    return " ".join([type(first.parsed).__name__, *(each.parsed.name for each in several)])


PERSON_SCHEMA = Person  # by another name, so that the class may go while the module still stands


@gemchain.chain
async def waits(text: str) -> str:
    first = await gemchain.prompt(text, MODEL, schema=PERSON_SCHEMA)
    word = await gemchain.wait("a word")
    return f"{first.parsed.name} {word}"


broken = False


def _said(value: str) -> str:
    if broken:
        raise RuntimeError("not yet mended")
    return f"said {value}"


@gemchain.chain
async def decided() -> str:
    return _said(await gemchain.wait("a word"))


def decides() -> None:
    gemchain.wait("a word", hear)


def hear(value: str) -> str:
    return _said(value)


def start_with_nothing() -> None:
    gemchain.submit("x", MODEL, answers_with_nothing)


def answers_with_nothing(response: gemchain.Response) -> dict:
    return {"a": None, "team": Team(lead=Person(name="Ada", age=36), members=[])}


@gemchain.chain
async def nothing_in_branches() -> list:
    return await gemchain.gather([nothing(), nothing()])


async def nothing() -> dict:
    await gemchain.prompt("x", MODEL)
    return {"a": None, "team": Team(lead=Person(name="Ada", age=36), members=[])}
