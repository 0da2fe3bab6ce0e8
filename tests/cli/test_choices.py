"""`gemchain run --model --lane`: for prompts that name none, checked before anything is recorded."""

import pytest

from gemchain.configuration.sources import current_settings

ASKS = """
import gemchain


def start(topic):
    gemchain.submit(topic, None, finish)


def finish(response):
    return response.text
"""

NAMES = ASKS.replace("None, finish", '"simulated/own", finish, lane="batch"')
CONFIGURES = 'import gemchain\ngemchain.configure(default_model="simulated/a", lane="batch")\n' + ASKS
BOTH = """
import gemchain


@gemchain.chain
async def start(topic):
    answers = await gemchain.gather([gemchain.prompt(topic, None), gemchain.prompt(topic, "simulated/own")])
    return len(answers)
"""


@pytest.fixture
def row(cli):
    cli.rows({"topic": "A letter."})
    return cli


def prompts(cli):
    return [one for each in cli.json("chains") for one in cli.json("show", each["id"])["prompts"]]


def run(cli, source, *more):
    return cli.run(f"{cli.module(source)}:start", "rows.jsonl", "out.jsonl", *more)


def test_a_model_and_a_lane_are_taken_where_a_prompt_names_none(row):
    assert run(row, ASKS, "--model", "simulated/chosen", "--lane", "direct").exit_code == 0
    assert [(each["model"], each["lane"]) for each in prompts(row)] == [("chosen", "direct")]
    assert row.results()[0]["state"] == "DONE"


def test_a_prompt_that_names_them_keeps_its_own(row):
    assert run(row, NAMES, "--model", "simulated/chosen", "--lane", "direct").exit_code == 0
    assert [(each["model"], each["lane"]) for each in prompts(row)] == [("own", "batch")]


def test_prompts_of_one_chain_can_do_either(row):
    assert run(row, BOTH, "--model", "simulated/chosen").exit_code == 0
    assert sorted(each["model"] for each in prompts(row) if each["model"]) == ["chosen", "own"]


def test_without_a_model_anywhere_the_error_names_the_option(row):
    done = run(row, ASKS)
    assert done.exit_code != 0
    assert "--model" in done.stderr


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "nobody/knows"), "'simulated/'"),
        (("--model", "simulated/gemini-3.5-flsh"), "did you mean 'simulated/gemini-3.5-flash'"),
        (("--model", "gemini-api/gemini-99"), "no model is known as"),
        (("--model", ""), "a model is a name"),
        (("--lane", "fast"), "'batch', 'flex', 'direct', 'auto'"),
        (("--model", "local/smollm2", "--lane", "batch"), "no lane 'batch'; it has direct"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused_with_what_does_before_anything_is_recorded(row, options, said, dry):
    done = run(row, ASKS, *options, *dry)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    if options[0] == "--model" and "--lane" not in options:
        assert "gemchain models" in done.stderr
    assert not list(row.folder.rglob("out.jsonl"))
    assert not [each for each in row.folder.rglob("gemchain.db") if _runs(row)]


def _runs(cli):
    return cli.json("runs")


def test_a_file_that_configures_another_one_is_refused(row):
    for option, value in (("--model", "simulated/b"), ("--lane", "direct")):
        done = run(row, CONFIGURES, option, value)
        assert done.exit_code != 0
        assert f"{option} {value!r}; leave one out" in " ".join(done.stderr.split())
    assert run(row, CONFIGURES, "--model", "simulated/a", "--lane", "batch").exit_code == 0


def test_the_command_that_continues_a_run_names_them_again(row):
    done = run(row, ASKS, "--model", "simulated/chosen", "--lane", "direct")
    assert done.exit_code == 0
    assert "--model simulated/chosen --lane direct" in row.json("runs")[0]["command"]


def test_a_dry_run_prices_the_chosen_model_in_the_chosen_lane(row):
    target = f"{row.module(ASKS)}:start"
    found = {}
    for lane in ("batch", "direct"):
        said = row.json(
            *("run", target, "--input", "rows.jsonl", "--dry-run"),
            *("--model", "simulated/gemini-3.5-flash", "--lane", lane),
        )
        (found[lane],) = said["models"]
        assert (found[lane]["model"], found[lane]["lane"]) == ("gemini-3.5-flash", lane)
    assert (
        found["direct"]["cost"] == found["direct"]["full_cost"] == pytest.approx(2 * found["batch"]["cost"])
    )


def test_the_choice_ends_with_the_command(row):
    assert run(row, ASKS, "--model", "simulated/chosen").exit_code == 0
    settings = current_settings()
    assert (settings.default_model, settings.lane) == ("", "")
