"""A random program as plain data, and the one async chain that runs it."""

import hashlib
import random

import gemchain
from gemchain import chain, gather, prompt

MODEL = "scripted/model"
KINDS = {"value": ValueError, "key": KeyError, "runtime": RuntimeError, "prompt": gemchain.PromptError}
RAISED = ("value", "key", "runtime")


def grow(seed):
    """The body of a program: a list of statements, each a list that begins with its name."""
    chance = random.Random(seed)
    return _body(chance, depth=0, count=chance.randint(1, 5))


def _body(chance, depth, count):
    return [_statement(chance, depth) for _ in range(count)]


def _statement(chance, depth):
    weights = PLAIN if depth >= 3 else {**PLAIN, **DEEP}
    name = chance.choices(list(weights), list(weights.values()))[0]
    return [name, *_arguments(chance, name, depth + 1)]


PLAIN = {"prompt": 8, "raise": 0.5, "return": 0.7, "raise_if": 0.7, "same": 0.5}
DEEP = {"gather": 5, "gather_catching": 2, "try": 3, "loop": 2, "call": 2, "later": 1}


def _arguments(chance, name, depth):  # noqa: PLR0911 -- a table
    match name:
        case "prompt":
            return [_label(chance)]
        case "raise" | "raise_if":
            return [chance.choice(RAISED), chance.choice(["", "x", "a: b", "it's"])]
        case "same":
            return [_label(chance), chance.randint(1, 3)]
        case "gather" | "gather_catching":
            return [_branches(chance, depth)]
        case "try":
            caught = chance.sample(list(KINDS), chance.randint(1, 4))
            return [
                _body(chance, depth, chance.randint(1, 3)),
                caught,
                _body(chance, depth, chance.randint(0, 2)),
            ]
        case "loop":
            return [chance.randint(1, 3), _body(chance, depth, 1)]
        case "call":
            return [_body(chance, depth, chance.randint(0, 3))]
        case "later":
            return [_branches(chance, depth), _body(chance, depth, 1)]
        case _:
            return []


def _label(chance):
    return chance.choice(["bad", *"abcdefg"])


def _branches(chance, depth):
    return [_branch(chance, depth) for _ in range(chance.choice([0, 1, 2, 2, 3, 3, 4]))]


def _branch(chance, depth):
    name = chance.choices(["plain", "program", "nested", "passed", "passed_gather"], [4, 6, 1.5, 1, 1])[0]
    match name:
        case "plain" | "passed":
            return [name, _label(chance)]
        case "program":
            return [name, _body(chance, depth, chance.randint(0, 3))]
        case _:
            inner = [] if depth >= 3 else _branches(chance, depth + 1)
            return [name, inner, chance.random() < 0.3]


@chain
async def program(body):
    """A random program."""
    return plain(await _run(body, []))


def plain(value):
    """Anything that a program gets, as JSON."""
    match value:
        case gemchain.Response():
            return value.text
        case gemchain.PromptError():
            return ["failure", value.reason, value.message]
        case Exception():
            return [type(value).__name__, str(value)]
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value


class _ReturnedError(Exception):
    """The program returns early from inside of something."""


def _digest(seen):
    return hashlib.blake2b(repr(plain(seen)).encode(), digest_size=4).hexdigest()


def _heads(seen):
    """A coin that falls as what was seen so far decides."""
    return int(_digest(seen), 16) % 2 == 0


async def _run(body, seen):
    """A helper function of the program: its own statements, its own eyes."""
    try:
        for statement in body:
            seen.append(await _do(statement, seen))
    except _ReturnedError:
        return ["early", list(seen)]
    return list(seen)


def _describe(label, seen):
    return prompt(f"{label} {_digest(seen)}", MODEL)


async def _do(statement, seen):
    match statement:
        case ["prompt", label]:
            return await _describe(label, seen)
        case ["raise", kind, text]:
            raise KINDS[kind](text)
        case ["raise_if", kind, text]:
            if _heads(seen):
                raise KINDS[kind](text)
            return "calm"
        case ["return"]:
            if _heads(seen):
                raise _ReturnedError
            return "stayed"
        case ["same", label, count]:
            return await gather([_describe(label, seen)] * count)
        case _:
            return await _do_deep(statement, seen)


async def _do_deep(statement, seen):
    match statement:
        case ["gather", branches]:
            return await gather(_make(branches, seen))
        case ["gather_catching", branches]:
            return await gather(_make(branches, seen), return_exceptions=True)
        case ["try", body, caught, handler]:
            return await _attempt(body, tuple(KINDS[each] for each in caught), handler, seen)
        case ["loop", count, body]:
            return await _repeat(count, body, seen)
        case ["call", body]:
            return await _run(body, [len(seen)])
        case ["later", branches, body]:
            described = gather(_make(branches, seen), return_exceptions=True)
            first = await _run(body, [*seen, "first"])
            return [first, await described]
    raise AssertionError(statement)


async def _attempt(body, caught, handler, seen):
    inside = list(seen)
    try:
        for statement in body:
            inside.append(await _do(statement, inside))
    except caught as error:
        return ["caught", plain(error), await _run(handler, [plain(error)])]
    return inside


async def _repeat(count, body, seen):
    rounds = []
    while len(rounds) < count:
        rounds.append(await _run(body, [*seen, *rounds]))
        if _heads(rounds):
            break
    return rounds


def _make(branches, seen):
    return [_made(branch, [*seen, index]) for index, branch in enumerate(branches)]


def _made(branch, seen):
    match branch:
        case ["plain", label]:
            return _describe(label, seen)
        case ["program", body]:
            return _run(body, seen)
        case ["nested", inner, catching]:
            return gather(_make(inner, seen), return_exceptions=catching)
        case ["passed", label]:
            return _await_it(_describe(label, seen))
        case ["passed_gather", inner, catching]:
            return _await_it(gather(_make(inner, seen), return_exceptions=catching))
    raise AssertionError(branch)


async def _await_it(described):
    return [await described, await prompt("after it", MODEL)]
