"""Callbacks that use the finer parts of the chain language, for tests."""

import functools

import gemchain
from tests.apps.flows import MODEL

calls: list[str] = []
left = {"raise": 0}


def picky(response):
    return "too short" if len(response.text) < 5 else None


def broken_picky(response):
    raise RuntimeError("picky itself is broken")


def finish(response):
    return response.text


def start_picky(text):
    gemchain.submit(text, MODEL, finish, retry_if=picky)


def start_broken_picky(text):
    gemchain.submit(text, MODEL, finish, retry_if=broken_picky)


def start_patient(text):
    gemchain.submit(text, MODEL, patient)


def patient(response):
    calls.append("patient")
    if left["raise"]:
        left["raise"] -= 1
        raise gemchain.Retry(after=60)
    return response.text


def start_choosy(text):
    gemchain.submit(text, MODEL, choosy)


def choosy(response):
    calls.append(f"choosy {response.text}")
    if len(calls) < 3:
        raise gemchain.Retry(resend=True)
    return response.text


def start_aborting(text):
    gemchain.submit(text, MODEL, aborting)


def aborting(response):
    calls.append("aborting")
    raise gemchain.Abort("the customer has left")


@gemchain.callback(name="settle_the_bill", aliases=["pay", "old.place:pay_up"])
def renamed(response):
    return f"paid {response.text}"


def start_renamed(text):
    gemchain.submit(text, MODEL, renamed)


class Counter:
    def __init__(self, step):
        self.step = step

    def add(self, response):
        return len(response.text) + self.step


def scale(factor, response, unit):
    return f"{factor * len(response.text)} {unit}"


def start_by_value(kind, number):
    def nested(response):
        return f"nested {number} {response.text}"

    callbacks = {
        "lambda": lambda response: f"lambda {number} {response.text}",
        "nested": nested,
        "method": Counter(number).add,
    }
    if kind == "partial":
        gemchain.submit("hello", MODEL, functools.partial(scale, number), params={"unit": "m"})
    else:
        gemchain.submit("hello", MODEL, callbacks[kind])
