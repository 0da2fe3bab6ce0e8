"""What users, models and keys say stays out of logs and of the terminal, unless somebody asks to see it."""

import logging
from dataclasses import replace

import pytest

import gemchain
from gemchain.base.logs import printable
from gemchain.errors import ConfigurationError, ProviderRejectedError, ProviderUnavailableError
from gemchain.records.states import PromptState
from gemchain.testing import embedded
from tests.apps import flows, guarded, language
from tests.cli.conftest import cli  # noqa: F401 -- a fixture
from tests.providers.test_vertex_chaos import World
from tests.support import engines
from tests.support.crashing import Crash

KEY = "SECRET-signing-key-of-sixteen"
PROMPT, ANSWER, PARAM = "SECRET-prompt-text", "SECRET-answer-text", "SECRET-param"
SECRET = "SECRET-"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\nforged line \u202e"


def said(caplog):
    """All that was logged above DEBUG, exceptions included."""
    formatter = logging.Formatter("%(message)s")
    return "\n".join(formatter.format(each) for each in caplog.records if each.levelno > logging.DEBUG)


@pytest.fixture(autouse=True)
def _everything_is_heard(caplog):
    caplog.set_level(logging.DEBUG)


def moods(request):
    """Every kind of answer in turn, each with the secret in it."""
    moods.turn += 1
    body = {"content": {"role": "model", "parts": [{"text": ANSWER}]}, "finishReason": "STOP"}
    match moods.turn % 6:
        case 0:
            return {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": ANSWER}}
        case 1:
            return {"candidates": [{**body, "finishReason": "MAX_TOKENS"}]}
        case 2:
            return RuntimeError(f"the service said {ANSWER}")
        case _:
            return {"candidates": [body]}


@pytest.mark.parametrize("store", [engines.SQLITE, engines.FIRESTORE])
@pytest.mark.parametrize("faults", ["", "failed=0.3,missing=0.2,malformed=0.2,duplicated=0.2"])
def test_whole_flows_say_nothing_of_what_is_in_them(tmp_path, caplog, capfd, faults, store):
    moods.turn = 0
    with (
        engines.over(store),
        engines.embedded(
            tmp_path, responder=moods, signing_key=KEY, simulated_faults=faults, retry_delay=0.1
        ) as engine,
    ):
        for start in (guarded.plain, guarded.fan, guarded.program):
            for number in range(4):
                gemchain.start(start, f"{PROMPT} {number}")
        gemchain.start(language.start_by_value, "lambda", 7)
        gemchain.submit(PROMPT, guarded.MODEL, guarded.follow, params={"topic": PARAM})
        gemchain.submit(PROMPT, guarded.MODEL, raises, params={"topic": PARAM})
        engine.run(timeout=3000)
        store = engine.runtime.store
        assert store.counters().prompts.get(PromptState.DONE)
        assert store.counters().prompts.get(PromptState.FAILED)
    assert SECRET not in said(caplog)
    assert SECRET not in "".join(capfd.readouterr())


def test_flows_over_vertex_in_every_trouble_say_nothing_of_what_is_in_them(caplog):
    heard = 0
    for seed in range(8):
        with World(seed) as world:
            chains = world.run(PROMPT.lower())
            heard += sum(bool(each.failure) for each in world.runtime.store.chains(chains).values())
    assert heard
    assert PROMPT.lower() not in said(caplog)


def raises(response, topic):
    raise ValueError(f"{topic}: {response.text}")


def test_a_foreign_signature_and_a_damaged_record_are_told_without_their_contents(tmp_path, caplog):
    with embedded(tmp_path, responder=flows.echo, signing_key=KEY) as engine:
        gemchain.start(language.start_by_value, "lambda", 7)
        gemchain.start(guarded.fan, PROMPT)
        gemchain.start(guarded.program, PROMPT)
        clock = engine.clock
        db = engine.runtime.store._db._db
        db.execute("UPDATE prompts SET path = ?", (PROMPT,))
        db.execute("UPDATE requests SET body = ? WHERE seq % 2 = 0", (f'{{"{PROMPT}',))
    with embedded(tmp_path, responder=flows.echo, signing_key=KEY[::-1], clock=clock) as engine:
        engine.run(timeout=900)
        db = engine.runtime.store._db._db
        db.execute("UPDATE chains SET state = ?, failure = ?", (PARAM, PARAM))
        db.execute("UPDATE batches SET output = ?", (PARAM,))
        engine.runtime.store.list_chains()
        engine.runtime.store.list_batches()
    assert "makes no sense" in said(caplog)
    assert SECRET not in said(caplog)


@pytest.mark.parametrize(
    "error",
    [ProviderUnavailableError(ESCAPES), ProviderRejectedError(ESCAPES), ConfigurationError(ESCAPES)],
    ids=lambda error: type(error).__name__,
)
def test_words_of_a_service_forge_no_log_record_and_steer_no_terminal(stand, caplog, error):
    stand.submit("a")
    stand.provider.next("create", *[error] * 3)
    with pytest.raises(ConfigurationError) if isinstance(error, ConfigurationError) else _nothing():
        gemchain.engine.drive.drive(stand.runtime, timeout=3)
    lines = said(caplog).splitlines()
    assert lines
    assert [line for line in lines if line.startswith("forged") or not line.isprintable()] == []


class _nothing:  # noqa: N801 -- stands in for pytest.raises
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def test_a_crash_leaves_no_secret_in_the_log(stand, caplog):
    stand.submit(PROMPT, callback=guarded.finish)
    batch = stand.sent()
    stand.provider.land(batch, stand.provider.rows(batch).values())
    with pytest.raises(Crash):
        gemchain.engine.drive.drive(stand.killed("commit"), timeout=60)
    assert SECRET not in said(caplog)


def test_settings_and_runtime_do_not_show_the_signing_key(stand):
    stand.set(signing_key=KEY)
    assert KEY not in repr(stand.runtime)
    assert KEY not in str(stand.runtime.settings)
    assert replace(stand.runtime.settings).signing_key == KEY


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\rb", "bell\x07", "\x9b2J", "right \u202e left", "\x00"])
def test_what_would_steer_a_terminal_is_shown(text):
    assert all(each.isprintable() for each in printable(text))


def test_plain_text_and_its_lines_stay_as_they_are():
    assert printable("naïve 漢字 💥\n\tindented") == "naïve 漢字 💥\n\tindented"


CHAIN = f"""
import gemchain


def start(topic):
    gemchain.submit("{PROMPT} " + topic, "simulated/echo", finish, params={{"secret": "{PARAM}"}})


def finish(response, secret):
    if "bad" in response.request["contents"][0]["parts"][0]["text"]:
        raise RuntimeError("\\x1b[2J no good \\x07")
    return {{"answer": response.text, "secret": secret}}
"""


def test_the_command_line_shows_secrets_only_where_they_are_asked_for(cli, caplog, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GEMCHAIN_SIGNING_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", f"{SECRET}api")
    cli.rows({"topic": "good"}, {"topic": "bad"})
    target = f"{cli.module(CHAIN)}:start"
    done = cli.run(target)
    assert done.exit_code == 1
    printed = [done]
    printed += [cli(word) for word in ("status", "batches", "doctor")]
    (failed,) = [each["id"] for each in cli.json("chains") if each["state"] == "FAILED"]
    shown = cli("show", failed)
    for each in [*printed, shown]:
        assert KEY not in each.output
        assert f"{SECRET}api" not in each.output
        assert "\x1b[2J" not in each.output
        assert "\x07" not in each.output
    assert PROMPT not in "".join(each.output for each in printed)
    assert PARAM not in done.output
    assert "no good" in shown.output
    assert SECRET not in said(caplog)
    assert cli.results()[0]["result"]["secret"] == PARAM, "results are what was asked for"
