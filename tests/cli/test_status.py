"""`gemchain status`: it advises commands that work, groups failures, and needs a screen at most.

Longer than 300 lines: each advised command needs a state of its own.
"""

import os
import shlex
import subprocess
import sys

from tests.cli.conftest import CHAIN

ASK = """
import gemchain

@gemchain.chain(name="question", version=3)
async def ask(topic):
    return [topic, await gemchain.wait("editor")]
"""

ASK_TWICE = """
import gemchain

@gemchain.chain
async def ask(topic):
    return await gemchain.gather([gemchain.wait("editor"), gemchain.wait("lawyer")])
"""

MOODY = """
import os
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"

def start(topic):
    gemchain.submit(topic, MODEL, finish, params={"topic": topic})

def other(topic):
    gemchain.submit(topic, MODEL, second, params={"topic": topic})

def finish(response, topic):
    if not os.path.exists("mended"):
        raise ValueError(f"row {len(topic)} of '{topic}' at 0x{id(topic):x} is bad")
    return topic

def second(response, topic):
    return finish(response, topic)
"""

INTERRUPTED = """
import pathlib
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    calls = pathlib.Path("calls")
    calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
    if calls.read_text() == "x":
        raise ValueError("not yet")
    if calls.read_text() == "xx":
        raise KeyboardInterrupt
    return response.text
"""

SCRIPT = """
import gemchain

def outline(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    return response.text

if __name__ == "__main__":
    gemchain.start(outline, "This is a sentence.")
"""


def commands(cli, *options):
    """The commands that status advises, ready to be run."""
    found = [each["command"] for each in cli.json("status", *options)["next"] if each["command"]]
    printed = cli("status", *options).stdout
    assert all(f"  {each}\n" in printed for each in found), "each stands whole on a line of its own"
    return found


def follow(cli, command, *, value="VALUE"):
    """Run an advised command; what would ask a person on a terminal is told yes."""
    words = shlex.split(command)
    assert words[0] == "gemchain", command
    words += ["--yes"] if words[1] == "retry" else []
    return cli(*(value if each == "VALUE" else each for each in words[1:]))


def in_subprocess(cli, command):
    words = command.replace("python ", f"{sys.executable} ", 1)
    options = {"cwd": cli.folder, "env": os.environ | {"COLUMNS": "80"}, "capture_output": True, "text": True}
    return subprocess.run(words, shell=True, check=False, **options)


def screen(cli, *options):
    """What a terminal of 80 columns shows, line by line."""
    lines = cli("status", *options, env={"COLUMNS": "80"}).stdout.splitlines()
    return [line[at : at + 80] for line in lines for at in range(0, max(len(line), 1), 80)]


def test_a_file_in_a_subfolder_is_advised_by_its_path(cli):
    (cli.folder / "sub" / "deeper").mkdir(parents=True)
    (cli.folder / "sub" / "deeper" / "chain_deep.py").write_text(CHAIN, encoding="utf-8")
    cli.rows({"topic": "a"})
    cli.run("sub/deeper/chain_deep.py:start", "rows.jsonl", "out.jsonl", "--timeout", "0")
    (command,) = commands(cli)
    assert command == "gemchain run sub/deeper/chain_deep.py:start --input rows.jsonl --output out.jsonl"
    assert follow(cli, command).exit_code == 0
    assert cli.json("status")["next"] == []


def test_a_module_of_a_package_is_advised_by_its_path(cli):
    package = cli.folder / "src" / "chain_pack"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "inner.py").write_text(CHAIN, encoding="utf-8")
    cli.rows({"topic": "a"})
    cli.run("src/chain_pack/inner.py:start", "rows.jsonl", "out.jsonl", "--timeout", "0")
    (command,) = commands(cli)
    assert "src/chain_pack/inner.py:start" in command
    assert follow(cli, command).exit_code == 0


def test_a_folder_with_a_space_is_quoted_and_the_state_named(cli):
    (cli.folder / "my chains").mkdir()
    (cli.folder / "my chains" / "chain_space.py").write_text(CHAIN, encoding="utf-8")
    cli.rows({"topic": "a"})
    cli.run(
        "my chains/chain_space.py:start", "rows.jsonl", "o.jsonl", "--timeout", "0", "--state", "my state"
    )
    (command,) = commands(cli, "--state", "my state")
    assert "'my chains/chain_space.py:start'" in command
    assert command.endswith("--state 'my state'")
    assert follow(cli, command).exit_code == 0


def test_an_async_chain_is_advised_by_its_function_and_resumed(cli):
    name = cli.module(ASK)
    cli.rows({"id": "a", "topic": "x"})
    cli.run(f"{name}:ask")
    resume, again = commands(cli)
    assert resume == f"gemchain resume {cli.results()[0]['chain']} VALUE"
    assert again == f"gemchain run {name}:ask --input rows.jsonl --output out.jsonl"
    assert follow(cli, resume, value="yes").exit_code == 0
    said = cli("status").stdout
    assert "1 answered prompt: it was resumed, and its chain goes on as soon as a process runs" in said
    assert "raised" not in said
    (again,) = commands(cli)
    assert follow(cli, again).exit_code == 0
    assert cli.results()[0]["result"] == ["x", "yes"]


def test_a_wait_among_several_of_its_chain_is_resumed_by_its_name(cli):
    cli.rows({"id": "a", "topic": "x"})
    cli.run(f"{cli.module(ASK_TWICE)}:ask")
    resume, _ = commands(cli)
    assert "--name editor" in resume or "--name lawyer" in resume
    assert follow(cli, resume).exit_code == 0
    resume, _ = commands(cli)
    assert "--name" not in resume
    assert follow(cli, resume).exit_code == 0
    (again,) = commands(cli)
    assert follow(cli, again).exit_code == 0


def test_failed_chains_are_shown_retried_and_continued_by_the_advised_commands(cli):
    cli.rows({"topic": "a"})
    cli.run(f"{cli.module(MOODY)}:start")
    show, retry, again = commands(cli)
    assert follow(cli, show).exit_code == 0
    (cli.folder / "mended").touch()
    assert "1 prompt back to work" in follow(cli, retry).stdout
    (cli.folder / "mended").unlink()
    assert commands(cli) == [again]
    (cli.folder / "mended").touch()
    assert follow(cli, again).exit_code == 0
    assert cli.json("status")["next"] == []


def test_a_callback_that_raised_is_told_from_one_that_was_resumed(cli):
    cli.rows({"topic": "a"})
    assert cli.run(f"{cli.module(INTERRUPTED)}:start").exit_code == 130
    said = cli("status").stdout
    assert "1 answered prompt: the callback raised (ValueError: not yet), it runs again as soon as" in said
    (again,) = commands(cli)
    assert follow(cli, again).exit_code == 0


def test_parked_prompts_are_continued_by_the_advised_commands(cli):
    name = cli.module()
    cli.rows({"topic": "a"})
    source = (cli.folder / name).read_text(encoding="utf-8")
    cli.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--timeout", "0")
    cli.rewrite(name, source.replace("def middle", "def moved").replace("middle", "moved"))
    assert cli.run(f"{name}:start").exit_code == 1
    assert cli.json("status")["parked"][0]["reason"] == "unresolved"
    show, retry, again = commands(cli)
    assert follow(cli, show).exit_code == 0
    cli.rewrite(name, source)
    assert follow(cli, retry).exit_code == 0
    assert follow(cli, again).exit_code == 0


def test_what_a_script_started_is_continued_without_starting_it_again(cli):
    (cli.folder / "sub").mkdir()
    (cli.folder / "sub" / "chain_script.py").write_text(SCRIPT, encoding="utf-8")
    started = in_subprocess(cli, "python sub/chain_script.py")
    assert started.returncode == 0, started.stderr
    (command,) = commands(cli)
    assert (
        command
        == 'PYTHONPATH=sub GEMCHAIN_PROGRAM=sub.chain_script python -c "import gemchain; gemchain.run()"'
    )
    done = in_subprocess(cli, command)
    assert done.returncode == 0, done.stderr
    data = cli.json("status")
    assert data["chains"] == {"DONE": 1}
    assert data["next"] == []


def test_a_run_of_another_folder_is_continued_there(cli, monkeypatch):
    cli.rows({"topic": "a"})
    name = cli.module()
    cli.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--timeout", "0")
    elsewhere = cli.folder / "elsewhere"
    elsewhere.mkdir()
    state = str(cli.folder / ".gemchain")
    monkeypatch.chdir(elsewhere)
    (command,) = commands(cli, "--state", state)
    there, _, run = command.partition(" && ")
    assert there == f"cd {cli.folder}"
    monkeypatch.chdir(cli.folder)
    assert follow(cli, run).exit_code == 0
    assert cli.json("status")["next"] == []


def test_a_file_that_is_not_below_this_folder_is_said_to_be_elsewhere(cli, monkeypatch):
    (cli.folder / "chain_script.py").write_text(SCRIPT, encoding="utf-8")
    assert in_subprocess(cli, "python chain_script.py").returncode == 0
    elsewhere = cli.folder / "elsewhere"
    elsewhere.mkdir()
    state = str(cli.folder / ".gemchain")
    monkeypatch.chdir(elsewhere)
    assert commands(cli, "--state", state) == []
    said = cli("status", "--state", state).stdout
    assert "outline() of chain_script.py is not below this folder" in said


def test_failed_chains_whose_prompts_are_removed_are_not_sent_back(cli):
    cli.rows({"topic": "a"})
    cli.run(f"{cli.module(MOODY)}:start")
    cli("gc", "--older-than", "0s")
    assert commands(cli) == []
    assert "they cannot be retried" in cli("status").stdout
    cli("gc", "--older-than", "0s", "--forget-keys")
    assert "nothing to do: everything has ended" in cli("status").stdout


def test_failures_are_grouped_by_what_they_have_in_common(cli):
    name = cli.module(MOODY)
    cli.rows(*({"topic": "x" * (n % 7 + 1)} for n in range(30)))
    cli.run(f"{name}:start")
    cli.rows(*({"topic": "y" * n} for n in range(1, 4)), name="more.jsonl")
    cli.run(f"{name}:other", "more.jsonl", "more-out.jsonl")
    (group,) = cli.json("status")["failed"]
    assert (group["count"], group["reason"], group["error"]) == (33, "callback", "ValueError")
    assert (group["function"], group["place"]) == ("finish", f"{name}:15, in finish()")
    assert cli.json("show", group["example"])["state"] == "FAILED"
    assert "33 (callback): ValueError: row" in cli("status").stdout


MANY = """
import gemchain

WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho".split()

def start(topic):
    model = f"simulated/{topic}-with-a-very-long-name-of-a-model"
    gemchain.submit(topic, model, finish, params={"topic": topic})

def finish(response, topic):
    raise ValueError(f"{topic} is wrong, " + f"and {topic} says it at great length, " * 12)

@gemchain.chain
async def ask(topic):
    await gemchain.wait(f"a person who knows all about {topic}")
"""


def test_a_screen_is_enough_unless_everything_is_asked_for(cli, monkeypatch):
    words = MANY.partition('WORDS = "')[2].partition('"')[0].split()
    name = cli.module(MANY)
    cli.rows(*({"topic": word} for word in words))
    cli.run(f"{name}:start")
    cli.run(f"{name}:ask", "rows.jsonl", "asked.jsonl")
    monkeypatch.setenv("GEMCHAIN_GRACE", "1000")
    cli.rows(*({"topic": f"other-{word}"} for word in words), name="more.jsonl")
    cli.run(f"{name}:start", "more.jsonl", "other.jsonl", "--timeout", "0")
    shown = screen(cli)
    assert len(shown) <= 24
    assert sum("and " in line and "more; --full shows all" in line for line in shown) >= 2
    assert {"waits", "failed", "next"} <= {line[:9].strip() for line in shown}
    full = screen(cli, "--full")
    assert len(full) > 60
    assert sum("(callback): ValueError:" in line for line in full) == len(words)
    assert commands(cli), "commands are whole in spite of everything"
