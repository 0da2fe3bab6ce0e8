"""Chains for deployed code: what they remember, they keep where another process finds it."""

from pathlib import Path

import gemchain
from tests.apps.flows import MODEL


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
