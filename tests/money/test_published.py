"""Published prices of every service, by lane, and the models that have one."""

from datetime import UTC, date, datetime
from importlib.metadata import version

import genai_prices
import pytest
from genai_prices import calc_price

import gemchain
from gemchain.money import prices, published
from gemchain.money.published import has_flex, published_models, table_age
from gemchain.ports import TokenCounts
from tests.apps import flows
from tests.support.engines import embedded

ASKED = TokenCounts(input=1_000_000, output=100_000)


def cost(model, counts=ASKED, *, provider="vertex", lane="batch"):
    return prices.usage(provider, model, counts, lane)


@pytest.mark.parametrize("provider", ["vertex", "gemini-api", "openai", "anthropic", "mistral"])
def test_batches_cost_half_of_what_is_interactive_for_the_models_of_every_provider(provider):
    names = prices.models(provider)
    assert len(names) > 10
    for name in set(names) - {"gpt-3.5-turbo-1106"}:  # OpenAI lists the same price for both
        batch, direct = (prices.price(provider, name, lane).usual for lane in ("batch", "direct"))
        assert batch.prompt * 2 == pytest.approx(direct.prompt), name
        assert batch.answer * 2 == pytest.approx(direct.answer), name


@pytest.mark.parametrize(
    ("provider", "model", "batch", "direct"),
    [
        ("openai", "gpt-4.1-mini", (0.2, 0.8), (0.4, 1.6)),
        ("openai", "responses/gpt-4.1-mini", (0.2, 0.8), (0.4, 1.6)),
        ("openai", "gpt-4.1-mini-2025-04-14", (0.2, 0.8), (0.4, 1.6)),
        ("openai", "ft:gpt-4o-mini-2024-07-18:us::abc", (0.15, 0.6), (0.3, 1.2)),
        ("openai", "text-embedding-3-small", (0.01, 0), (0.02, 0)),
        ("anthropic", "claude-haiku-4-5", (0.5, 2.5), (1, 5)),
        ("anthropic", "claude-haiku-4-5-20251001", (0.5, 2.5), (1, 5)),
        ("mistral", "mistral-small-latest", (0.075, 0.3), (0.15, 0.6)),
        ("local", "smollm2", (0, 0), (0, 0)),
        ("simulated", "claude-haiku-4-5", (0.5, 2.5), (1, 5)),
        ("simulated", "plain/gpt-4.1-mini", (0.2, 0.8), (0.4, 1.6)),
    ],
)
def test_each_provider_has_the_published_prices_of_its_service(provider, model, batch, direct):
    million = TokenCounts(input=1_000_000), TokenCounts(output=1_000_000)
    for counts, in_batch, interactive in zip(million, batch, direct, strict=True):
        sent = cost(model, counts, provider=provider)
        assert (sent.cost, sent.full_cost) == (pytest.approx(in_batch), pytest.approx(interactive))
        at_once = cost(model, counts, provider=provider, lane="direct")
        assert at_once.cost == at_once.full_cost == pytest.approx(interactive)


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "gpt-5"), ("vertex", "gemini-3.5-flash-lite"), ("openai", "gpt-4.1")]
)
def test_flex_costs_what_a_batch_does(provider, model):
    flex, batch = (cost(model, provider=provider, lane=lane) for lane in ("flex", "batch"))
    assert flex.cost == pytest.approx(batch.cost)
    assert flex.full_cost == pytest.approx(2 * batch.cost)


def test_tokens_from_a_cache_cost_what_the_service_asks_for_them():
    cached = TokenCounts(input=1_000_000, cached=1_000_000)
    assert cost("gpt-5", cached, provider="openai", lane="direct").cost == pytest.approx(0.125)
    assert cost("gpt-5", cached, provider="openai").cost == pytest.approx(0.0625)
    half = TokenCounts(input=1_000_000, cached=500_000)
    assert cost("gpt-5", half, provider="openai", lane="direct").cost == pytest.approx(0.625 + 0.0625)
    more = TokenCounts(input=1_000_000, cached=2_000_000)
    assert cost("gpt-5", more, provider="openai", lane="direct").cost == pytest.approx(0.125)


def test_no_token_of_a_cache_costs_more_than_another():
    for provider in ("vertex", "openai", "anthropic", "mistral"):
        for name in prices.models(provider):
            for lane in ("batch", "flex", "direct"):
                rates = prices.price(provider, name, lane).usual
                assert rates.cached <= rates.prompt, name


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "gpt-5"),
        ("openai", "claude-haiku-4-5"),
        ("openai", "gpt-5-turbo-image"),
        ("vertex", "claude-haiku-4-5"),
        ("vertex", "projects/p/locations/us-central1/endpoints/123"),
        ("compat-nobody", "gpt-5"),
        ("somebody", "gpt-5"),
    ],
)
def test_a_provider_has_no_prices_of_another_service(provider, model):
    assert not prices.known(model, provider)


SIZES = (TokenCounts(1000, 0, 10), TokenCounts(150_000, 90_000, 7), TokenCounts(900_000, 5, 8000))
CONTEXTS = {"direct": None, "batch": {"processing": "batch"}, "flex": {"service_tier": "flex"}}


@pytest.mark.parametrize("provider", ["vertex", "openai", "anthropic", "mistral"])
@pytest.mark.parametrize("lane", CONTEXTS)
def test_an_answer_costs_what_the_package_itself_makes_of_it(provider, lane):
    compared = 0
    for name in prices.models(provider):
        model = published._find(prices.SERVICES[provider], name)
        if lane != "direct" and CONTEXTS[lane] not in [each.when for each in model.price_variants or ()]:
            continue
        for counts in (
            TokenCounts(1000, 0, 10),
            TokenCounts(150_000, 90_000, 7),
            TokenCounts(900_000, 5, 8000),
        ):
            said = calc_price(
                genai_prices.Usage(
                    input_tokens=counts.input, cache_read_tokens=counts.cached, output_tokens=counts.output
                ),
                name,
                provider_id=prices.SERVICES[provider],
                price_context=CONTEXTS[lane],
            )
            compared += 1
            assert cost(name, counts, provider=provider, lane=lane).cost == pytest.approx(
                float(said.input_price + said.output_price)
            ), (name, counts)
    assert compared > 10 or (lane, provider) in {
        ("flex", each) for each in ("vertex", "anthropic", "mistral")
    }


@pytest.mark.parametrize("service", ["google", "openai", "anthropic", "mistral"])
def test_models_are_listed_with_their_names_and_limits(service):
    listed = published_models(service)
    names = [each.name for each in listed]
    assert len(names) == len(set(names)) > 10
    assert any(each.context for each in listed)
    assert not [name for name in names if any(word in name for word in ("image", "audio", "tts"))]


def test_newer_models_are_listed_first():
    names = [each.name for each in published_models("anthropic")]
    assert names.index("claude-haiku-5-5") < names.index("claude-haiku-4-5")
    assert names.index("claude-opus-5") < names.index("claude-opus-4-8") < names.index("claude-opus-4-5")


def test_the_table_tells_its_age():
    table = table_age()
    assert table.version == version("genai-prices")
    assert date(2026, 1, 1) < table.newest <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("model", "has"),
    [
        ("gpt-5", True),
        ("gpt-5-2025-08-07", True),
        ("o3", True),
        ("o3-mini", False),
        ("gpt-4.1", False),
        ("x", False),
    ],
)
def test_a_model_has_the_lane_flex_when_the_table_has_a_price_for_it(model, has):
    assert has_flex("openai", model) is has


@pytest.mark.parametrize(("lane", "share"), [("batch", 0.5), ("flex", 0.5), ("direct", 1)])
def test_an_answer_costs_what_its_lane_does(tmp_path, lane, share):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.submit("x", "simulated/gemini-3.5-flash-lite", flows.finish, lane=lane).chain
        engine.run()
        used = chain.status().usage
    assert used.full_cost > 0
    assert used.cost == pytest.approx(share * used.full_cost)
