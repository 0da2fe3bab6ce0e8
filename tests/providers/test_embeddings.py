"""Providers of Gemini's kind keep to the contract of providers when they are asked for embeddings."""

import pytest

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.gemini_api import GeminiApiEmulator
from gemchain.emulators.mistral import MistralEmulator
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.errors import RequestError
from gemchain.formats.embeddings.gemini import GEMINI_EMBEDDINGS
from gemchain.providers.gemini_api import GeminiApiProvider
from gemchain.providers.mistral import MistralProvider
from gemchain.providers.simulated import SimulatedProvider
from gemchain.simulated.faults import Faults
from gemchain.simulated.vectors import SIZE, vector
from gemchain.testing import embedded
from tests.contracts.provider_contract import MANY, TURNAROUND, ProviderContract, Service

MODEL = "embeddings/gemini-embedding-001"


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "files")


class Embedding(Service):
    """A service that is asked for vectors, which take none of the settings of texts."""

    def asking(self, text, **options):
        return self.format.compose(text).request


class EmbeddingContract(ProviderContract):
    row_reasons = frozenset({"error"})

    @pytest.fixture(params=[{}, {"content": {"parts": []}}, {"content": {"parts": [{"text": ""}]}}], ids=repr)
    def refused(self, request):
        return request.param

    bad_row = ({"content": {"parts": []}}, "'content' is an object")

    def test_every_row_carries_an_answer_that_counts_as_one(self, service):
        for row in service.rows(service.landed(service.batch(3))):
            assert (row.failure, service.format.judge(row.body)) == (None, None)
            assert len(service.format.embedding(row.body)) == SIZE
            assert service.format.usage(row.body).input > 0

    @pytest.mark.parametrize("fault", ["blocked", "truncated", "empty"])
    def test_an_answer_that_is_not_usable_is_no_error_of_the_row(self, service, fault):
        service.set_faults(f"{fault}=1")  # a vector is there or not
        rows = service.rows(service.landed(service.batch(MANY)))
        assert {service.format.judge(row.body).reason for row in rows} == {"empty"}


class TestGeminiApiEmbeddings(EmbeddingContract):
    keeps_finished_rows = False

    @pytest.fixture
    def service(self, blobs, clock):
        with GeminiApiEmulator(clock=clock, turnaround=TURNAROUND, serves=lambda _: True) as emulator:
            provider = GeminiApiProvider(blobs, endpoint=emulator.url)

            def jobs_named(display):
                return sum(batch.display_name == display for batch in emulator.batches())

            yield Embedding(provider, blobs, clock, emulator.set_faults, jobs_named, MODEL)
            provider.close()


class TestMistralEmbeddings(EmbeddingContract):
    row_reasons = ProviderContract.row_reasons
    bad_row = ({"input": " "}, "is empty")

    @pytest.fixture(params=[{}, {"input": ""}, {"input": ["a", "b"]}], ids=repr)
    def refused(self, request):
        return request.param

    @pytest.fixture
    def service(self, blobs, clock):
        with MistralEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
            provider = MistralProvider(blobs, endpoint=emulator.url)

            def jobs_named(display):
                mark = {"gemchain": display.removeprefix("gemchain-")}
                return sum(job.metadata == mark for job in emulator.jobs())

            yield Embedding(
                provider, blobs, clock, emulator.set_faults, jobs_named, "embeddings/mistral-embed"
            )
            assert {job.endpoint for job in emulator.jobs()} <= {"/v1/embeddings"}
            provider.close()


class TestSimulatedEmbeddings(EmbeddingContract):
    @pytest.fixture
    def service(self, blobs, clock):
        provider = SimulatedProvider(blobs, clock, turnaround=TURNAROUND)

        def set_faults(text):
            provider.faults = Faults.parse(text)

        def jobs_named(display):
            return sum(1 for _ in blobs.list(f"simulated/jobs/{display}/"))

        return Embedding(provider, blobs, clock, set_faults, jobs_named, "embeddings/gemini/small")


@pytest.mark.parametrize(("lane", "batches"), [("batch", [True]), ("direct", [])])
def test_a_chain_gets_vectors_from_the_gemini_api(tmp_path, lane, batches):
    with GeminiApiEmulator(turnaround=0, serves=lambda _: True) as emulator:
        with embedded(tmp_path, gemini_api_endpoint=emulator.url) as engine:
            handle = gemchain.submit("Hello", "gemini-api/gemini-embedding-001", kind="embed", lane=lane)
            engine.run()
            assert handle.chain.result() == pytest.approx(list(vector("Hello")))
        assert [batch.embeds for batch in emulator.batches()] == batches


@pytest.mark.parametrize("lane", ["batch", "direct"])
def test_a_chain_gets_vectors_from_mistral(tmp_path, clock, lane):
    with (
        MistralEmulator(clock=clock, turnaround=1) as emulator,
        embedded(tmp_path, clock=clock, mistral_endpoint=emulator.url) as engine,
    ):
        handle = gemchain.submit("Hello", "mistral/mistral-embed", kind="embed", lane=lane)
        engine.run()
        assert handle.chain.result() == pytest.approx(list(vector("Hello")), abs=1e-7)


@pytest.mark.parametrize("lane", ["batch", "direct"])
def test_a_chain_gets_vectors_from_openai(tmp_path, clock, monkeypatch, lane):
    with OpenAIEmulator(clock=clock, turnaround=1) as emulator:
        monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "emulated")
        with embedded(tmp_path, clock=clock) as engine:
            model, config = "openai/text-embedding-3-small", {"dimensions": 16}
            one, again, other = (
                gemchain.submit(text, model, kind="embed", lane=lane, config=config)
                for text in ("Hello", "Hello", "Bye")
            )
            engine.run()
            found = [each.chain.result() for each in (one, again, other)]
            (prompt,) = engine.runtime.store.prompts([one.id]).values()
    assert found[0] == found[1] != found[2]
    assert [len(each) for each in found] == [16, 16, 16]
    assert prompt.progress.usage.cost > 0


def test_a_model_for_vectors_is_asked_for_nothing_else(blobs):
    provider = GeminiApiProvider(blobs)
    assert provider.format(MODEL) is GEMINI_EMBEDDINGS
    assert provider.capabilities(MODEL).kinds == ("embed",)
    with pytest.raises(RequestError, match="'content'"):
        provider.check(MODEL, {"contents": []})
