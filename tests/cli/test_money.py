"""Tokens and money of a prompt, a chain and a batch, as the command line shows them."""

import pytest

import gemchain
from gemchain.display.formatting import Models, amount, money
from gemchain.money import prices
from gemchain.records import Usage
from gemchain.testing import embedded
from tests.apps import flows

PRICED, UNKNOWN = "gemini-3.5-flash-lite", "gemini-of-tomorrow"


@pytest.fixture
def ran(cli):
    cli.rows({"topic": "A letter."}, {"topic": "Another."})
    assert cli.run().exit_code == 0
    return cli


def test_show_prints_tokens_and_money_of_a_chain_a_prompt_and_a_batch(ran):
    chain = ran.json("show", ran.json("chains")[0]["id"])
    for identity in (chain["id"], chain["prompts"][0]["id"], ran.json("batches")[0]["id"]):
        said = ran("show", identity).stdout
        assert "tokens asked" in said
        assert " as sent, $" in said
        assert " interactive, $" in said


def test_the_cost_of_a_batch_is_the_sum_of_its_prompts(ran):
    chains = [ran.json("show", each["id"]) for each in ran.json("chains")]
    prompts = [prompt for chain in chains for prompt in chain["prompts"]]
    for batch in ran.json("batches"):
        costs = [each["usage"]["cost"] for each in prompts if each["batch"] == batch["id"]]
        assert batch["usage"]["cost"] == pytest.approx(sum(costs))
        assert batch["usage"]["full_cost"] == pytest.approx(2 * sum(costs))


def test_show_prints_only_tokens_for_a_model_without_a_price(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_ALLOW_UNKNOWN_MODELS", "1")
    cli.rows({"topic": "A letter."})
    target = cli.module(**{PRICED: UNKNOWN})
    assert cli.run(f"{target}:start").exit_code == 0
    for identity in (cli.json("chains")[0]["id"], cli.json("batches")[0]["id"]):
        said = cli("show", identity).stdout
        assert f"no price known for {UNKNOWN}: tokens only" in said
        assert "$" not in said


@pytest.mark.parametrize(
    ("usage", "models", "said"),
    [
        (Usage(10, 10), Models().plus([("vertex", UNKNOWN)]), f"no price known for {UNKNOWN}: tokens only"),
        (
            Usage(10, 10, 1.0, 2.0),
            Models().plus([("vertex", PRICED), ("vertex", UNKNOWN)]),
            f"$1.00 spent, $1.00 saved against $2.00 interactive; no price known for {UNKNOWN}: tokens only",
        ),
        (Usage(), Models().plus([("vertex", UNKNOWN)]), ""),
    ],
    ids=["none", "one of two", "no tokens"],
)
def test_models_without_a_price_are_named(usage, models, said):
    assert money(usage, models) == said


def test_the_usage_of_a_chain_is_the_sum_of_its_prompts(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(flows.outline, "batteries")
        assert chain.status().usage == Usage()
        engine.run()
        usage = chain.status().usage
        prompts = list(engine.runtime.store.chain_prompts(chain.id))
    assert len(prompts) > 1
    assert usage.prompt_tokens == sum(each.progress.usage.prompt_tokens for each in prompts) > 0
    assert usage.cost == pytest.approx(sum(each.progress.usage.cost for each in prompts))
    assert prices.known(prompts[0].model) == (usage.cost > 0)
    assert amount(usage.full_cost) == amount(2 * usage.cost)


CLOUD = """
import gemchain


def start(topic):
    gemchain.submit(topic, "gemini-api/gemini-3.5-flash-lite")
"""


def test_a_provider_that_is_not_set_up_stops_the_run_with_one_line_and_the_same_command_continues(
    cli, monkeypatch
):
    from gemchain.providers.gemini_api import GeminiApiProvider
    from gemchain.providers.simulated import SimulatedProvider

    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    cli.rows({"id": "a", "topic": "A letter."})
    target = f"{cli.module(CLOUD)}:start"
    done = cli.run(target)
    assert done.exit_code == 3
    error, advice = [line for line in done.stderr.splitlines() if line[:1] in "✗■"]
    assert "the Gemini API needs a key" in error
    assert "Continue with:" in advice
    assert "Traceback" not in done.stderr

    # Now the key is set, and a simulated provider answers in the place of the service.
    stand_ins = {}

    def stand_in_of(self):
        from gemchain.base.clock import SystemClock

        return stand_ins.setdefault(id(self), SimulatedProvider(self._blobs, SystemClock()))

    for verb in ("find", "create", "poll", "read_row", "input_line"):
        monkeypatch.setattr(
            GeminiApiProvider, verb, lambda self, *args, verb=verb: getattr(stand_in_of(self), verb)(*args)
        )
    again = cli.run(target)
    assert again.exit_code == 0, again.stderr
    assert [line["state"] for line in cli.results()] == ["DONE"]
    assert len(cli.json("batches")) == 1
