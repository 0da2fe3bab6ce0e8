"""Functions and classes without a file: callbacks, start functions and async chains of sessions."""

import sys
from importlib.machinery import ModuleSpec

import pytest

import gemchain
from gemchain.errors import ContinuationError
from gemchain.functions.session import is_of_session, main_file, main_name
from gemchain.records.states import PromptState
from gemchain.testing import embedded
from tests.notebooks.session import session

CALLBACKS = """
import functools
import gemchain

NOTE = "noted"

def begin(topic, kind="plain"):
    number = 7
    kinds = {
        "plain": finish,
        "lambda": lambda response: ["lambda", number, response.text],
        "partial": functools.partial(added, number),
        "method": Counter(number).count,
    }
    gemchain.submit(topic, "simulated/echo", then, params={"kind": kind})

def then(response, kind):
    number = 7
    kinds = {
        "plain": finish,
        "lambda": lambda response: ["lambda", number],
        "partial": functools.partial(added, number),
        "method": Counter(number).count,
    }
    gemchain.submit("again", "simulated/echo", kinds[kind], on_error=failed)

def finish(response):
    return [NOTE, gemchain.current().prompt_id is not None]

def failed(error):
    return error.reason

def added(number, response):
    return ["partial", number + 1]

class Counter:
    def __init__(self, number):
        self.number = number

    def count(self, response):
        return ["method", self.number]

def again(response):
    return gemchain.start(begin, "inner", key="inner").id

def begin_again():
    gemchain.submit("outer", "simulated/echo", again)
"""

PROGRAM = """
import gemchain
from pydantic import BaseModel

class Facts(BaseModel):
    points: list[str]

class OutOfStock(Exception):
    pass

def begin(topic):
    gemchain.submit(topic, "simulated/echo", finish, schema=Facts, retry_if=unwanted)

def unwanted(response):
    return gemchain.current is None

def finish(response):
    return [type(response.parsed).__name__, isinstance(response.parsed, Facts)]

def begin_holding(topic):
    gemchain.submit(topic, "simulated/echo", hold, schema=Facts)

def hold(response):
    gemchain.submit("next", "simulated/echo", lambda _: type(response.parsed).__name__)

@gemchain.chain
async def order(count):
    if count > 1:
        await gemchain.prompt("look", "simulated/echo")
        raise OutOfStock(count)
    return count

@gemchain.chain(version=3)
async def ask(topic, count=2):
    answer = await gemchain.prompt(topic, "simulated/echo", schema=Facts)
    try:
        await gemchain.gather([order(1), order(count)])
    except OutOfStock as error:
        return [topic, list(error.args), isinstance(answer.parsed, Facts)]
"""


def moved_on(folder, cells, start, *, settings=None):
    """The result of a chain that a session started, and that a process which is no session went on with."""
    settings = settings or {}
    with session(*cells) as main, embedded(folder, **settings) as engine:
        chain = start(main)
        assert list(chain.status().prompts) == [PromptState.QUEUED]
    with embedded(folder, clock=engine.clock, **settings):
        return chain.result()


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("plain", ["noted", True]),
        ("lambda", ["lambda", 7]),
        ("partial", ["partial", 8]),
        ("method", ["method", 7]),
    ],
)
@pytest.mark.parametrize("key", ["", "a-key-that-is-set-by-its-user"])
def test_callbacks_of_a_session_are_called_in_another_process(tmp_path, kind, result, key):
    settings = {"signing_key": key}
    found = moved_on(
        tmp_path, [CALLBACKS], lambda main: gemchain.start(main.begin, "x", kind), settings=settings
    )
    assert found == result
    assert (tmp_path / "signing.key").exists() is (key == "")


def test_an_async_chain_of_a_session_goes_on_in_another_process_with_its_classes(tmp_path):
    result = moved_on(tmp_path, [PROGRAM], lambda main: gemchain.start(main.ask, "x", count=3))
    assert result == ["x", [3], True]


def test_a_schema_of_a_session_gives_objects_of_its_class(tmp_path):
    assert moved_on(tmp_path, [PROGRAM], lambda main: gemchain.start(main.begin, "x")) == ["Facts", True]


def test_an_answer_that_a_function_by_value_refers_to_keeps_its_object(tmp_path):
    assert moved_on(tmp_path, [PROGRAM], lambda main: gemchain.start(main.begin_holding, "x")) == "Facts"


def test_a_key_leads_to_the_same_chain_in_a_session_and_in_the_process_that_goes_on(tmp_path):
    inner = moved_on(tmp_path, [CALLBACKS], lambda main: gemchain.start(main.begin_again))
    with session(CALLBACKS) as main, embedded(tmp_path):
        assert gemchain.start(main.begin, "inner", key="inner").id == inner
        chains = gemchain.start_many(main.begin, [{"topic": "inner"}], key=lambda row: row["topic"])
        assert [chain.id for chain in chains] == [inner]


def test_what_was_recorded_is_called_and_not_what_a_cell_says_now(tmp_path):
    edited = CALLBACKS.replace("noted", "edited")
    with session(CALLBACKS) as main, embedded(tmp_path) as engine:
        first = gemchain.start(main.begin, "x", key="x")
    with session(edited) as main, embedded(tmp_path, clock=engine.clock):
        assert gemchain.start(main.begin, "x", key="x") == first
        assert first.result() == ["noted", True]
        assert gemchain.start(main.begin, "x", key="y").result() == ["edited", True]


def test_the_replay_check_runs_the_program_that_was_recorded(tmp_path):
    from gemchain.engine.operations.replay_check import check_replay

    with session(PROGRAM) as main, embedded(tmp_path) as engine:
        chain = gemchain.start(main.ask, "x")
        engine.run()
        assert check_replay(engine.runtime, chain.id) == []


def test_a_fork_takes_the_program_with_it(tmp_path):
    with session(PROGRAM) as main, embedded(tmp_path) as engine:
        chain = gemchain.start(main.ask, "x")
        engine.run()
        first = min(engine.runtime.store.chain_prompts(chain.id), key=lambda prompt: prompt.path)
    with embedded(tmp_path, clock=engine.clock):
        assert chain.fork(first.id).result() == chain.result()


def test_what_is_shown_of_a_chain_has_no_code_in_it(tmp_path):
    from gemchain.cli.output.json_data import chain_data

    with session(PROGRAM) as main, embedded(tmp_path) as engine:
        chain = gemchain.start(main.ask, "x", count=3)
        record = engine.runtime.store.chains([chain.id])[chain.id]
    assert chain_data(record)["arguments"] == {"args": ["x"], "params": {"count": 3}}
    assert record.function == "value:ask@3"


def test_what_cannot_be_stored_is_named(tmp_path):
    cell = "import threading\nlock = threading.Lock()\ndef finish(response):\n    return lock\n"
    cell += "import gemchain\ndef begin():\n    gemchain.submit('x', 'simulated/echo', finish)"
    with (
        session(cell) as main,
        embedded(tmp_path),
        pytest.raises(ContinuationError, match="It uses 'lock': make"),
    ):
        gemchain.start(main.begin)


def test_what_is_too_large_to_be_stored_with_each_prompt_is_named(tmp_path):
    cell = "table = 'x' * 2_000_000\nsmall = 'y'\ndef finish(response):\n    return table, small\n"
    cell += "import gemchain\ndef begin():\n    gemchain.submit('x', 'simulated/echo', finish)"
    words = r"'finish' is stored with all that it uses.*The largest is 'table' with 2,000,0"
    with session(cell) as main, embedded(tmp_path), pytest.raises(ContinuationError, match=words):
        gemchain.start(main.begin)


def test_a_function_that_refers_to_a_module_that_is_gone_is_parked_and_says_so(tmp_path, monkeypatch):
    (tmp_path / "helper_of_a_cell.py").write_text("def help(): return 1\n")
    cell = "import gemchain, helper_of_a_cell\ndef finish(response):\n    return helper_of_a_cell.help()\n"
    cell += "def begin():\n    gemchain.submit('x', 'simulated/echo', finish)"
    with monkeypatch.context() as there:
        there.syspath_prepend(str(tmp_path))
        with session(cell) as main, embedded(tmp_path / "state") as engine:
            chain = gemchain.start(main.begin)
    del sys.modules["helper_of_a_cell"]
    with (
        embedded(tmp_path / "state", clock=engine.clock),
        pytest.raises(gemchain.ChainParkedError, match="cannot be loaded here: ModuleNotFoundError"),
    ):
        chain.result()


def test_functions_of_files_are_stored_by_name_also_in_a_session(tmp_path):
    from tests.apps import flows

    with session(), embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(flows.outline, "x")
        (prompt,) = engine.runtime.store.chain_prompts(chain.id)
    assert prompt.callback == "tests.apps.flows:draft"
    assert prompt.closure is None
    assert not (tmp_path / "signing.key").exists()


def test_a_lambda_of_a_file_is_refused_without_a_signing_key_also_in_a_session(tmp_path):
    with session(), embedded(tmp_path), pytest.raises(ContinuationError, match="GEMCHAIN_SIGNING_KEY"):
        gemchain.submit("x", "simulated/echo", lambda response: response.text)


def test_a_state_in_the_cloud_asks_for_a_key_that_its_workers_have(tmp_path):
    from gemchain.settings import Settings
    from gemchain.wiring import functions_of

    functions = functions_of(Settings(state=str(tmp_path), store="firestore://demo/(default)"))
    with session(CALLBACKS) as main:
        assert not functions.is_by_value(main.finish)
        with pytest.raises(ContinuationError, match="set GEMCHAIN_SIGNING_KEY"):
            functions.name(main.finish)
    assert not (tmp_path / "signing.key").exists()


def test_only_what_was_typed_into_a_session_is_of_a_session():
    from tests.apps.shop import callbacks

    with session(CALLBACKS) as main:
        inside = [main.begin, main.Counter, main.Counter(1).count, main.Counter(1)]
        assert [is_of_session(each) for each in inside] == [True] * 4
        outside = [callbacks.take, callbacks.Shop, callbacks.Shop().method, len, sys, "text", None]
        assert [is_of_session(each) for each in outside] == [False] * 7
    assert is_of_session(main.begin)  # a copy, now that something else is __main__


def test_the_prompt_of_python_3_13_is_a_session_though_it_names_a_file():
    with session(CALLBACKS) as main:
        main.__file__ = "/usr/lib/python3.13/_pyrepl/__main__.py"
        main.__spec__ = ModuleSpec("_pyrepl.__main__", None)
        assert is_of_session(main.begin)
        assert (main_file(), main_name()) == (None, None)
