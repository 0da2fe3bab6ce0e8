"""The state's own key: made once, kept from others, and nothing is unpickled without it."""

import base64
import os
import threading

import orjson
import pytest

import gemchain
from gemchain.errors import ConfigurationError, ContinuationError, UnresolvedError
from gemchain.functions.closures import Signer
from gemchain.functions.continuations import Continuations
from gemchain.functions.own_key import NAME, OwnKey
from gemchain.testing import embedded
from tests.notebooks.session import session
from tests.support.watching import watched

CELL = """
import gemchain
from pydantic import BaseModel

class Answer(BaseModel):
    points: list[str]

def begin():
    gemchain.submit("x", "simulated/echo", hold, schema=Answer)

def hold(response):
    gemchain.submit("y", "simulated/echo", lambda _: response.parsed.points[:0])

@gemchain.chain
async def ask():
    return (await gemchain.prompt("x", "simulated/echo")).text
"""

THEIRS = "a key that somebody else has chosen, 43 char"


@pytest.fixture
def key(tmp_path):
    return OwnKey(tmp_path / "state" / NAME)


def put(key, text="x" * 43, mode=0o600):
    key.path.parent.mkdir(exist_ok=True)
    key.path.write_text(text)
    key.path.chmod(mode)


def test_it_is_made_when_it_is_needed_and_only_its_owner_may_read_it(key):
    before = os.umask(0)
    try:
        assert key.read() is None
        made = key.make()
    finally:
        os.umask(before)
    assert len(made) == 43
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key.path.parent.iterdir()] == [NAME]
    assert key.make() == key.read() == OwnKey(key.path).make() == made


def test_those_who_make_it_at_the_same_time_end_up_with_one_key(key):
    barrier, made = threading.Barrier(8), []

    def make():
        barrier.wait()
        made.append(OwnKey(key.path).make())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert set(made) == {key.read()}
    assert [path.name for path in key.path.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("verb", ["hardlink_to", "mkdir"])
def test_where_it_cannot_be_made_the_way_out_is_said_and_nothing_is_left(key, verb, monkeypatch):
    def refuse(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(f"pathlib.Path.{verb}", refuse)
    with pytest.raises(
        ConfigurationError, match=r"cannot be made \(Operation not supported\).*GEMCHAIN_SIGNING_KEY"
    ):
        key.make()
    assert not key.path.parent.exists() or list(key.path.parent.iterdir()) == []


def refused(key):
    for verb in (key.read, key.make):
        with pytest.raises(ConfigurationError, match="GEMCHAIN_SIGNING_KEY") as caught:
            verb()
    return str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_it_is_not_used_when_others_may_read_or_write_it(key, mode):
    put(key, mode=mode)
    assert "open to other users" in refused(key)
    key.path.chmod(0o600)
    assert key.read()


def test_it_is_not_used_when_it_belongs_to_another_user(key, monkeypatch):
    put(key)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert "belongs to another user" in refused(key)


def test_links_pipes_and_folders_are_no_key(key):
    put(key)
    link = OwnKey(key.path.with_name("link"))
    link.path.symlink_to(key.path)
    assert "cannot be read" in refused(link)
    pipe = OwnKey(key.path.with_name("pipe"))
    os.mkfifo(pipe.path, 0o600)
    assert "is no file" in refused(pipe)
    assert "is no file" in refused(OwnKey(key.path.parent))


@pytest.mark.parametrize("text", ["", "x", "x" * 42, "x" * 44, "x" * 42 + "\n", "x" * 42 + " ", "é" * 43])
def test_a_file_with_another_content_is_no_key(key, text):
    put(key, text)
    assert "is not the file that gemchain made" in refused(key)


def started(folder, name="ask", **settings):
    with session(CELL) as main, embedded(folder, **settings) as engine:
        return gemchain.start(getattr(main, name)), engine.clock


def parked(folder, chain, clock, words, **settings):
    with embedded(folder, clock=clock, **settings), watched() as watch:
        with pytest.raises(gemchain.ChainParkedError, match=words):
            chain.result()
        assert [event for event, _ in watch.done if "pickle" in event] == []


@pytest.mark.parametrize("name", ["ask", "begin"])
def test_without_its_key_nothing_of_a_state_is_unpickled(tmp_path, name):
    chain, clock = started(tmp_path, name)
    kept = (tmp_path / NAME).rename(tmp_path / "kept")
    parked(tmp_path, chain, clock, "the state has no key of its own")
    assert not (tmp_path / NAME).exists()  # loading makes none
    put(OwnKey(tmp_path / NAME))
    with embedded(tmp_path, clock=clock):
        chain.retry()
    parked(tmp_path, chain, clock, "does not bear this application's signature")
    kept.rename(tmp_path / NAME)
    with embedded(tmp_path, clock=clock):
        chain.retry()
        assert chain.result() in ("x", [])


def test_a_key_that_others_could_have_written_unpickles_nothing(tmp_path):
    chain, clock = started(tmp_path)
    (tmp_path / NAME).chmod(0o666)
    parked(tmp_path, chain, clock, "open to other users")


def test_a_signing_key_that_is_set_wins_over_the_states_own(tmp_path):
    chain, clock = started(tmp_path)
    parked(tmp_path, chain, clock, "does not bear", signing_key=THEIRS)
    chain, clock = started(tmp_path / "other", signing_key=THEIRS)
    assert not (tmp_path / "other" / NAME).exists()
    with embedded(tmp_path / "other", clock=clock, signing_key=THEIRS):
        assert chain.result() == "x"


def test_the_own_key_signs_nothing_but_what_was_typed_into_a_session(tmp_path):
    number = 3
    found = Continuations(modules=["tests"], own_key=OwnKey(tmp_path / NAME))
    assert not found.is_by_value(lambda response: number)
    assert not found.is_by_value(number.__add__)
    with pytest.raises(ContinuationError, match="GEMCHAIN_SIGNING_KEY"):
        found.name(lambda response: number)
    assert not (tmp_path / NAME).exists()


def test_a_class_is_not_loaded_as_a_function_nor_a_function_as_a_class(tmp_path):
    found = Continuations(own_key=OwnKey(tmp_path / NAME))
    with session(CELL) as main:
        name = found.model_name(main.Answer)
        (_, callback), (_, program) = found.by_value(main.hold, "callback"), found.chain_by_value(main.ask)
    assert found.resolve_model(name)(points=["a"]).points == ["a"]
    for text in (callback, program):
        with pytest.raises(UnresolvedError):
            found.resolve_model(f"value:{text}")
        with pytest.raises(UnresolvedError):
            found.resolve_error(f"value:{text}")
    for role in ("callback", "chain", "error"):
        with pytest.raises(UnresolvedError):
            found.load(name.removeprefix("value:"), role)
    with pytest.raises(UnresolvedError):
        found.resolve_model("value:{}")


@pytest.mark.parametrize("settings", [{}, {"signing_key": THEIRS}])
def test_no_key_gets_into_the_records_not_even_with_an_answer_that_a_function_holds(tmp_path, settings):
    chain, clock = started(tmp_path, "begin", **settings)
    with embedded(tmp_path, clock=clock, **settings):
        assert chain.result() == []
    secret = (settings.get("signing_key") or (tmp_path / NAME).read_text()).encode()
    codes = []
    with embedded(tmp_path, clock=clock, **settings) as engine:
        for prompt in engine.runtime.store.chain_prompts(chain.id):
            codes += [orjson.loads(signed)["code"] for signed in orjson.loads(prompt.closure).values()]
    assert len(codes) == 2
    assert b"points" in base64.b85decode(codes[1]) + base64.b85decode(codes[0])
    assert [code for code in codes if secret in base64.b85decode(code)] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != NAME]
    assert [path for path in files if secret in path.read_bytes()] == []


def test_a_signer_is_never_pickled(key):
    signer = Signer(key.make())
    with pytest.raises(ContinuationError, match="a signing key is never stored"):
        signer.sign(lambda response: signer, "callback")
    assert key.read() not in repr(key)
