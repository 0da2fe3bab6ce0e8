"""Chains that an earlier version has begun and today's code carries on; see tests/states.

The functions here must keep their names and what they ask for.
"""

from pydantic import BaseModel

import gemchain
from gemchain import Response

MODEL = "simulated/gemini-3.5-flash-lite"
KEY = "a-secret-of-the-application"


class Length(BaseModel):
    words: int


class OutOfStockError(Exception):
    """Raised by a branch, caught where its gather is awaited."""


def answer(request):
    """The responder: numbers for schemas, else the last text again."""
    config = request.get("generationConfig") or {}
    if "responseJsonSchema" in config:
        return '{"words": 7}'
    return request["contents"][-1]["parts"][-1]["text"]


# Callbacks


def begin(topic):
    gemchain.submit(f"outline {topic}", MODEL, draft, params={"topic": topic}, labels={"team": "red"})


def draft(response, topic):
    gemchain.submit(f"draft {topic} of ({response.text})", MODEL, finish, max_attempts=2, backoff=(1, 5))


def finish(response):
    return [response.text, response.model]


def measure(text):
    gemchain.submit(text, MODEL, measured, schema=Length, config={"temperature": 0.5})


def measured(response):
    return [type(response.parsed).__name__, response.parsed.words]


def by_value(number):
    def nested(response: Response):
        return [number, response.text, isinstance(response, Response)]

    gemchain.submit("by value", MODEL, nested)


def join_up(words):
    gemchain.gather([gemchain.prompt(word, MODEL, longer if word == "b" else None) for word in words], joined)


def longer(response):
    gemchain.submit(f"{response.text}{response.text}", MODEL, finish_branch)


def finish_branch(response):
    return response.text.upper()


def joined(results):
    return [each if isinstance(each, str) else each.text for each in results]


def with_file(path):
    from pathlib import Path

    gemchain.submit([Path(path), "describe"], MODEL, described)


def described(response):
    return response.text


# Programs


@gemchain.chain(max_attempts=4, backoff=1)
async def debate(topic):
    first = await gemchain.prompt(f"open {topic}", MODEL)
    sides = await gemchain.gather([side(first.text, name) for name in ("for", "against")])
    plain = await gemchain.gather([gemchain.prompt(word, MODEL) for word in ("x", "y")])
    last = await gemchain.prompt(f"close {topic}", MODEL)
    return [sides, [each.text for each in plain], last.text, last.usage["promptTokenCount"] > 0]


async def side(text, name):
    answered = await gemchain.prompt(f"{name}: {text}", MODEL)
    if name == "against":
        try:
            await gemchain.gather([failing(answered.text)])
        except OutOfStockError as error:
            return f"out of {error}"
    return answered.text


async def failing(text):
    await gemchain.prompt(f"try {text}", MODEL)
    raise OutOfStockError("paper")


@gemchain.chain
async def approved(topic):
    written = await gemchain.prompt(f"write {topic}", MODEL)
    decision = await gemchain.wait("approval")
    return [written.text, decision]


EVERY = {
    "begin": (begin, ("tea",)),
    "measure": (measure, ("some words",)),
    "by_value": (by_value, (5,)),
    "join_up": (join_up, (["a", "b", "c"],)),
    "debate": (debate, ("rent",)),
    "approved": (approved, ("news",)),
}
RESULTS = {
    "begin": ["draft tea of (outline tea)", "gemini-3.5-flash-lite"],
    "measure": ["Length", 7],
    "by_value": [5, "by value", True],
    "join_up": ["a", "BB", "c"],
    "debate": [["for: open rent", "out of paper"], ["x", "y"], "close rent", True],
    "approved": ["write news", "yes"],
    "with_file": "describe",
}
