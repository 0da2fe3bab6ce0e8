"""Vectors in OpenAI's batches: the contract of providers, and a chain that asks for them."""

import pytest

import gemchain
from gemchain.emulators.openai.embeddings import vector
from gemchain.testing import VirtualClock, embedded
from tests.contracts.provider_contract import MANY, ProviderContract, Service
from tests.support.openai_service import served

MODEL = "text-embedding-3-small"
SIZE = 1536


class Embedding(Service):
    """A service that is asked for vectors, which take none of the settings of texts."""

    def asking(self, text, **options):
        return self.format.compose(text).request


class TestOpenAIEmbeddings(ProviderContract):
    early_ends = frozenset({"expired", "cancelled"})
    bad_row = ({"input": []}, "'$.input' is invalid")

    @pytest.fixture
    def service(self, tmp_path, clock):
        with served(tmp_path, clock) as (service, _):
            yield Embedding(
                service.provider,
                service.blobs,
                clock,
                service.set_faults,
                service.jobs_named,
                f"embeddings/{MODEL}",
            )

    @pytest.fixture(params=[{}, {"input": ""}, {"input": []}, {"input": ["a", "b"]}], ids=repr)
    def refused(self, request):
        return request.param

    def test_a_file_becomes_a_part_that_the_service_can_read(self, service, tmp_path):
        file = tmp_path / "note.txt"
        file.write_bytes(b"a note")
        request = service.format.compose(file, attach=service.provider.attach).request
        service.provider.check(service.model, request)
        assert request["input"] == "a note"

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


@pytest.mark.parametrize("lane", ["batch", "direct"])
def test_a_chain_gets_vectors_of_the_size_that_it_asks_for(tmp_path, monkeypatch, lane):
    clock = VirtualClock()
    with served(tmp_path / "other", clock) as (_, emulator):
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
        with embedded(tmp_path, clock=clock, poll=20) as engine:
            asked = gemchain.submit(
                "Whales sing", f"openai/{MODEL}", kind="embed", config={"dimensions": 8}, lane=lane
            )
            assert engine.run()
            assert asked.chain.result() == pytest.approx(vector("Whales sing", 8), abs=1e-6)
            engine.runtime.providers.named("openai").close()
        assert len(emulator.batches()) == (lane == "batch")
        assert emulator.calls("POST", "/v1/embeddings") == (lane == "direct")
