"""Functions with the mistakes of a first hour, for tests."""

import asyncio
import random
import sys
from collections.abc import Hashable

import gemchain
from tests.apps.flows import MODEL, finish

seen: list = []


def ask(callback, **options):
    gemchain.submit("x", MODEL, callback, **options)


def take(response, **params):
    seen.append(params)
    return "done"


def take_results(results, value):
    seen.append(value)


async def unmarked(response):
    return response.text


@gemchain.chain
async def a_chain(value):
    seen.append(value)
    return (await gemchain.prompt("x", MODEL)).text


def yields(response):
    yield response.text


async def helper():
    return 1


def returns_coroutine(response):
    return helper()


def returns_generator(response):
    return (each for each in "ab")


def returns_prompt(response):
    return gemchain.prompt("y", MODEL, finish)


@gemchain.chain
async def returns_prompt_too():
    return gemchain.prompt("y", MODEL)


async def forgets_await():
    await gemchain.prompt("y", MODEL)
    return gemchain.prompt("z", MODEL)


@gemchain.chain
async def gathers_one_that_forgets():
    return await gemchain.gather([forgets_await(), gemchain.prompt("x", MODEL)])


def exits(response):
    sys.exit(3)


def generator_exit(response):
    raise GeneratorExit


def cancelled(response):
    raise asyncio.CancelledError


def interrupts(response):
    raise KeyboardInterrupt


def exits_at_start():
    sys.exit("over")


@gemchain.chain
async def exits_in_program():
    await gemchain.prompt("x", MODEL)
    sys.exit(3)


def exits_on_answer(response):
    sys.exit(0)


def asks_with_exiting_retry():
    gemchain.submit("x", MODEL, take, retry_if=exits_on_answer)


# What is forgotten.


def forgets_submit(response):
    gemchain.prompt("y", MODEL, finish)


def forgets_submit_beside(response):
    gemchain.prompt("y", MODEL, finish)
    return "text"


def forgets_at_start():
    gemchain.prompt("y", MODEL, finish)


def forgets_callback_of_gather(response):
    gemchain.gather([gemchain.prompt("y", MODEL)])


def forgets_callback_of_wait(response):
    gemchain.wait("approval")


@gemchain.chain
async def forgets_await_of_prompt():
    gemchain.prompt("lost", MODEL)
    return (await gemchain.prompt("x", MODEL)).text


@gemchain.chain
async def forgets_the_last_await():
    text = (await gemchain.prompt("x", MODEL)).text
    gemchain.prompt("lost", MODEL)
    return text


def value_beside_submit(response):
    gemchain.submit("y", MODEL, finish)
    return {"lost": response.text}


def promises_a_text(response) -> str:  # noqa: RET503 -- the mistake that is looked for
    if not response.text:
        return "never"


promises_in_text = promises_a_text.__class__(promises_a_text.__code__, globals(), "promises_in_text")
promises_in_text.__qualname__ = "promises_in_text"
promises_in_text.__annotations__ = {"return": "list[str]"}


# What is not forgotten, however it looks.


def hands_on(response):
    return gemchain.submit("y", MODEL, finish)


def hands_several_on(response):
    return [gemchain.submit("y", MODEL, finish), gemchain.submit("z", MODEL, finish)]


def gathers_descriptions(response):
    prompts = [gemchain.prompt(each, MODEL) for each in "ab"]
    nested = gemchain.gather([gemchain.prompt("c", MODEL)])
    gemchain.gather([*prompts, nested], take_all)


def take_all(results) -> None:
    seen.append(len(results))


def submits_many(response):
    gemchain.submit_many([gemchain.prompt(each, MODEL, finish) for each in "ab"])


kept = []


def keeps_for_later(response):
    kept.append(gemchain.prompt("later", MODEL, finish))


def may_be_none(response) -> str | None:
    return None


def may_be_anything(response) -> "Hashable":
    return None


def unknown_annotation(response) -> "OnlyForTheTypeChecker":  # noqa: F821 -- as under TYPE_CHECKING
    return None


def starts_another(response) -> None:
    gemchain.start(a_chain, "x")


async def asks(description):
    return (await description).text


@gemchain.chain
async def passes_descriptions_to_branches():
    first = gemchain.prompt("first", MODEL)
    later = gemchain.prompt("later", MODEL)
    found = await gemchain.gather([asks(gemchain.prompt("a", MODEL)), asks(gemchain.prompt("b", MODEL))])
    return [*found, (await first).text, (await later).text]


INNOCENT = (
    hands_on,
    hands_several_on,
    gathers_descriptions,
    submits_many,
    keeps_for_later,
    may_be_none,
    may_be_anything,
    unknown_annotation,
    starts_another,
)


# Foreign awaits, and programs that are not the same in each run.


@gemchain.chain
async def sleeps():
    await asyncio.sleep(1)


@gemchain.chain
async def sleeps_after_a_prompt():
    await gemchain.prompt("x", MODEL)
    await asyncio.sleep(1)


@gemchain.chain
async def uses_asyncio_gather():
    loop = asyncio.new_event_loop()  # gather() would make one that nobody closes
    asyncio.set_event_loop(loop)
    pair = helper(), helper()
    try:
        await asyncio.gather(*pair)
    finally:
        for each in pair:
            each.close()  # else Python warns of them in whatever test runs next
        asyncio.set_event_loop(None)
        loop.close()


@gemchain.chain
async def sleeps_zero():
    await asyncio.sleep(0)


@gemchain.chain
async def by_chance():
    await gemchain.prompt(f"x {random.random()}", MODEL)
    return (await gemchain.prompt("y", MODEL)).text
