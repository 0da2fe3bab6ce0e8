"""Chains for deployed code: what they remember, they keep where another process finds it."""

from datetime import timedelta
from pathlib import Path

import gemchain
from tests.apps.flows import MODEL
from tests.apps.mistakes import OutOfStockError


def start_choosy(text):
    gemchain.submit(text, MODEL, choosy)


def choosy(response):
    if gemchain.current().attempt < 3:
        raise gemchain.Retry(resend=True)
    return f"{response.text} at the third attempt"


def start_patient(text, marks):
    gemchain.submit(text, MODEL, patient, params={"mark": f"{marks}/patient"})


def patient(response, mark):
    count = len(Path(mark).read_text()) if Path(mark).exists() else 0
    if count < 3:
        Path(mark).write_text("x" * (count + 1))
        raise gemchain.Retry(after=0)
    return f"{response.text} after {count}"


def long_enough(response):
    return "too short" if len(response.text) < 12 else None


def start_growing(text):
    gemchain.submit(text, MODEL, finish, retry_if=long_enough)


def finish(response):
    return response.text


def start_payment(text):
    gemchain.submit(text, MODEL, pay)


def pay(response):
    return f"paid {response.text}"


@gemchain.chain(name="report", version=1)
async def report(topic):
    text = (await gemchain.prompt(f"v1 {topic}", MODEL)).text
    return (await gemchain.prompt(f"v1 again {text}", MODEL)).text


@gemchain.chain(max_attempts=2, backoff=0, retry_if=long_enough)
async def ruled(text):
    """What a chain says for its prompts, a wait that nobody ends in time, and an exception of its own."""
    (short,) = await gemchain.gather([gemchain.prompt(text, MODEL)], return_exceptions=True)
    try:
        heard = await gemchain.wait("never", deadline=timedelta(milliseconds=1))
    except gemchain.PromptError as error:
        heard = error.reason
    try:
        await gemchain.gather([buys("an article that is sold out")])
    except OutOfStockError as error:
        return [str(short), heard, error.article, error.left]


async def buys(article):
    await gemchain.prompt(article, MODEL)
    raise OutOfStockError(article, left=2)
