"""Chains that say how often, how patiently and until when their prompts are tried, for tests."""

from datetime import UTC, datetime, timedelta

import gemchain
from tests.apps.flows import MODEL


def picky(response):
    return "too short" if len(response.text) < 5 else None


def easy(response):
    return None


@gemchain.chain(max_attempts=5, backoff=(100, 200), retry_if=picky)
async def persistent(text):
    first = await gemchain.prompt(text, MODEL, retry_if=easy)
    branches = await gemchain.gather([gemchain.prompt(text, MODEL), twice(text)], return_exceptions=True)
    return [first.text, *(str(each) for each in branches)]


async def twice(text):
    first = await gemchain.prompt(text, MODEL, max_attempts=2)
    return first.text


@gemchain.chain(max_attempts=1)
async def hasty(text):
    return (await gemchain.prompt(text, MODEL)).text


def start_callbacks(text):
    gemchain.submit(text, MODEL, fan)


def fan(response):
    gemchain.gather(
        [gemchain.prompt(response.text, MODEL, then), gemchain.prompt("own", MODEL, max_attempts=9)], ended
    )


def then(response):
    gemchain.wait("go", after_wait)


def after_wait(value):
    gemchain.submit(value, MODEL)


def ended(results):
    gemchain.submit("last", MODEL)


@gemchain.chain
async def asks(deadline=None):
    try:
        return await gemchain.wait("approval", deadline=deadline and timedelta(seconds=deadline))
    except gemchain.PromptError as error:
        last = await gemchain.prompt(f"{error.reason}: {error.message}", MODEL)
        return last.text


@gemchain.chain
async def asks_in_branches():
    waits = [gemchain.wait(name, deadline=timedelta(days=days)) for name, days in (("soon", 1), ("late", 9))]
    return await gemchain.gather([answered(each) for each in waits])


async def answered(wait):
    try:
        return await wait
    except gemchain.PromptError as error:
        return error.reason


@gemchain.chain
async def asks_in_vain():
    return await gemchain.wait("approval", deadline=timedelta(days=2))


def asks_by_callback():
    gemchain.wait("approval", hears, params={"of": "Ada"}, on_error=hears_nothing, deadline=timedelta(days=2))


def hears(value, of):
    return f"{of} said {value}"


def hears_nothing(error, of):
    return f"{of} said nothing: {error.reason}"


@gemchain.chain(deadline=timedelta(days=1))
async def in_a_day(words):
    """Goes on after its deadline, with what may still be sent."""
    found = []
    for word in words:
        try:
            found.append((await gemchain.prompt(word, MODEL)).text)
        except gemchain.PromptError as error:
            found.append(error.reason)
    found.append((await gemchain.prompt("last", MODEL, deadline=timedelta(days=1))).text)
    return found


@gemchain.chain(deadline=timedelta(days=1))
async def waits_for_a_chain():
    child = gemchain.start(asks)
    try:
        return await child
    except gemchain.PromptError as error:
        return error.message.replace(child.id, "CHILD")


@gemchain.chain
async def too_late():
    await gemchain.wait("go")
    try:
        return (await gemchain.prompt("x", MODEL, deadline=datetime(2026, 1, 2, tzinfo=UTC))).text
    except gemchain.PromptError as error:
        return error.message


def start_late():
    gemchain.wait("go", goes)


def goes(value):
    gemchain.submit("x", MODEL, on_error=insists)


def insists(error):
    raise gemchain.Retry(resend=True)
