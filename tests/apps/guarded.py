"""Chains of every kind whose records the tests of security damage, and what else their module holds."""

import os  # noqa: F401 -- a record may try to name what is imported here
from datetime import timedelta
from pathlib import Path  # noqa: F401 -- the same

import gemchain

MODEL = "simulated/echo"

ran: list[str] = []
"""The functions that ran."""


def plain(topic):
    gemchain.submit(f"first {topic}", MODEL, follow, params={"topic": topic})


def follow(response, topic):
    ran.append("follow")
    gemchain.submit(
        f"second {response.text}", MODEL, finish, on_error=rescue, deadline=timedelta(hours=9), priority=2
    )


def finish(response):
    ran.append("finish")
    return response.text


def rescue(error):
    ran.append("rescue")
    return error.reason


def fan(topic):
    branches = [gemchain.prompt(f"{topic} {each}", MODEL, finish, schema={"type": "string"}) for each in "ab"]
    gemchain.gather(branches, merged, on_error=rescue)


def merged(results):
    ran.append("merged")
    return results


def ask(topic):
    gemchain.wait("approval", approved, params={"topic": topic})


def approved(value, topic):
    ran.append("approved")
    return [value, topic]


@gemchain.chain
async def program(topic):
    first = await gemchain.prompt(f"await {topic}", MODEL)
    both = await gemchain.gather([gemchain.prompt(f"{first.text} {each}", MODEL) for each in "ab"])
    return [each.text for each in both]


class Holder:
    """Something whose method no record may name."""

    def method(self, *_):
        ran.append("method")


def impatient(response):
    raise gemchain.Retry(after=5.0)


canary = ran.append  # no plain function, and not of this module
