"""Exceptions of an application, raised in branches, for tests."""

import gemchain
from tests.apps.flows import MODEL


class OutOfStockError(Exception):
    """Takes something else than what it keeps as args."""

    def __init__(self, article, *, left=0):
        super().__init__(f"no {article} any more")
        self.article = article
        self.left = left


class WorseError(OutOfStockError):
    pass


class HoldingError(Exception):
    """Keeps what is no JSON."""

    def __init__(self):
        super().__init__("holds an object")
        self.kept = object()


class UnreadableError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


OUT = OutOfStockError  # by another name, so that the class may go while the program still stands


class Shop:
    class ClosedError(Exception):
        pass


def mistake(name):
    return {
        "own": OutOfStockError("bolt", left=2),
        "derived": WorseError("nut"),
        "args": OutOfStockError.__base__("one", 2, [3], None),
        "holding": HoldingError(),
        "unreadable": UnreadableError(),
        "nested": Shop.ClosedError("at night"),
        "builtin": ValueError("two", 2),
        "key": KeyError("key"),
        "gemchain": gemchain.ModelError("no such model"),
    }[name]


async def fails(name):
    await gemchain.prompt(name, MODEL)
    raise mistake(name)


@gemchain.chain
async def catches(name):
    """What a caller sees of what a branch raised."""
    try:
        await gemchain.gather([fails(name)])
    except gemchain.PromptError as error:
        return ["PromptError", error.kind, error.message, "in fails" in error.traceback]
    except Exception as error:  # noqa: BLE001 -- whatever it is
        cause = error.__cause__
        told = [cause.kind, "in fails" in cause.traceback]
        return [type(error).__name__, list(error.args), dict(vars(error)), told]


@gemchain.chain
async def directly(name):
    """The same without a gather."""
    try:
        await fails(name)
    except Exception as error:  # noqa: BLE001 -- whatever it is
        return [type(error).__name__, list(error.args), dict(vars(error))]


@gemchain.chain
async def catches_its_class():
    try:
        await gemchain.gather([fails("derived")])
    except OUT as error:
        waited = await gemchain.wait("go")
        return f"{error} {error.left} {waited}"


@gemchain.chain
async def as_values():
    found = await gemchain.gather([fails("own"), gemchain.prompt("x", MODEL)], return_exceptions=True)
    await gemchain.prompt("later", MODEL)
    return [found[0].article, found[1].text]


@gemchain.chain
async def lets_it_out():
    return await gemchain.gather([inner(), gemchain.prompt("x", MODEL)])


async def inner():
    return await gemchain.gather([fails("own")])


@gemchain.chain
async def asks_a_chain():
    try:
        return await gemchain.start(lets_it_out)
    except OutOfStockError as error:
        return f"the chain had {error}"


def start_callbacks():
    gemchain.gather([gemchain.prompt("x", MODEL, breaks)], never, on_error=told)


def breaks(response):
    raise OutOfStockError("bolt")


def never(results):
    raise AssertionError(results)


def told(error):
    return [error.reason, error.kind, error.message, "in breaks" in error.traceback]
