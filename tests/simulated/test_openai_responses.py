"""A simulated model that speaks the Responses API keeps to the contract of providers, and answers chains."""

import pytest
from pydantic import BaseModel

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.errors import RequestError
from gemchain.providers.simulated import SimulatedProvider
from gemchain.simulated.faults import Faults
from gemchain.testing import embedded
from tests.apps.answers import Team
from tests.contracts.provider_contract import TURNAROUND, ProviderContract, Service

MODEL = "simulated/openai_responses/small"


class TestSimulatedResponses(ProviderContract):
    row_reasons = frozenset({"error"})
    bad_row = ({"input": " "}, "is empty")

    @pytest.fixture(params=[{}, {"input": ""}, {"input": [{"role": "robot", "content": "x"}]}], ids=repr)
    def refused(self, request):
        return request.param

    @pytest.fixture
    def service(self, tmp_path, clock):
        blobs = LocalBlobs(tmp_path / "files")
        provider = SimulatedProvider(blobs, clock, turnaround=TURNAROUND)

        def set_faults(text):
            provider.faults = Faults.parse(text)

        def jobs_named(display):
            return sum(1 for _ in blobs.list(f"simulated/jobs/{display}/"))

        return Service(provider, blobs, clock, set_faults, jobs_named, MODEL.removeprefix("simulated/"))

    def test_a_file_becomes_a_part_that_the_service_can_read(self, service, tmp_path):
        (tmp_path / "a.png").write_bytes(b"x")
        with pytest.raises(RequestError, match="inside the request"):  # the simulator keeps files in a folder
            service.format.compose([tmp_path / "a.png"], attach=service.provider.attach)


@pytest.mark.parametrize("model", [MODEL, "simulated/anthropic/small"])
def test_an_answer_fits_a_class_and_a_conversation_goes_on(tmp_path, model):
    with embedded(tmp_path) as engine:
        fitted = gemchain.submit("Make a team.", model, schema=Team, system="Be strict.")
        messages = [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [{"name": "look", "id": "c1"}]},
            {"role": "tool", "tool_call_id": "c1", "content": "Sun. All day long."},
        ]
        talked = gemchain.submit(messages, model)
        engine.run()
        assert Team.model_validate(fitted.chain.result()).lead.name
        assert "Sun" in talked.chain.result()


class Counts(BaseModel):
    counts: dict[str, int]


@pytest.mark.parametrize("model", [MODEL, "simulated/anthropic/small"])
def test_a_schema_that_the_service_cannot_enforce_is_asked_for_in_another_way(tmp_path, model):
    with embedded(tmp_path) as engine:
        schema = {
            "type": "object",
            "properties": {"counts": {"type": "object", "additionalProperties": {"type": "integer"}}},
            "required": ["counts"],
        }
        chain = gemchain.submit("Count the birds.", model, schema=schema).chain
        engine.run()
        Counts.model_validate(chain.result())
