"""Chains that fan out and in again, for tests."""

import gemchain
from gemchain import gather, prompt
from tests.apps.flows import MODEL, OTHER, leaf

calls: list[str] = []


def texts(results):
    """Responses and values as plain data."""
    return [_plain(each) for each in results]


def _plain(value):
    if isinstance(value, gemchain.Response):
        return value.text
    if isinstance(value, gemchain.PromptError):
        return {"error": value.reason}
    return texts(value) if isinstance(value, list) else value


def spread(count):
    gather([prompt(f"item {index}", MODEL) for index in range(count)], collect)


def collect(results):
    calls.append("collect")
    return texts(results)


def map_reduce(words):
    branches = [prompt(word, MODEL, leaf, params={"index": index}) for index, word in enumerate(words)]
    gather(branches, reduce, params={"title": "sum"})


def reduce(results, title):
    calls.append("reduce")
    joined = " ".join(each["text"] for each in results)
    gemchain.submit(f"{title}: {joined}", OTHER, finish)


def finish(response):
    return response.text


def long_branches(count):
    gather([prompt(f"b{i}", MODEL, again, params={"left": i}) for i in range(count)], collect)


def again(response, left):
    if left == 0:
        return response.text
    gemchain.submit(f"{response.text}+", MODEL, again, params={"left": left - 1})
    return None


def nested(count):
    inner = [gather([prompt(f"{i}.{j}", MODEL) for j in range(i)]) for i in range(count)]
    gather([*inner, prompt("last", MODEL, inner_gather)], collect)


def inner_gather(response):
    gather([prompt("x", MODEL), prompt("y", MODEL)], collect_inner)


def collect_inner(results):
    return {"inner": texts(results)}


def forking_branch():
    gather([prompt("fork me", MODEL, forks), prompt("plain", MODEL)], collect)


def forks(response):
    for index in range(2):
        gemchain.submit(f"fork {index}", MODEL, finish)


def with_errors(words, return_exceptions):
    gather([prompt(word, MODEL, finish) for word in words], collect, return_exceptions=return_exceptions)


def rescued(words):
    gather([prompt(word, MODEL, finish) for word in words], collect, on_error=rescue)


def rescue(error):
    return {"rescued": error.reason, "message": error.message}


def beside_others():
    gather([prompt("a", MODEL), prompt("b", MODEL)], collect)
    gemchain.submit("alone", MODEL, finish)


angry: list[int] = []


def moody(words):
    gather([prompt(word, MODEL, finish) for word in words], sulk)


def sulk(results):
    calls.append("sulk")
    gemchain.submit("after the sulk", MODEL, finish)
    if angry:
        angry.pop()
        raise RuntimeError("not now")
