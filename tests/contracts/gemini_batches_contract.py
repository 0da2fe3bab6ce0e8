"""What batch services of Gemini do beyond `provider_contract`: labels, roles, echoed requests."""

from collections import Counter
from typing import Any

import pytest

from gemchain.simulated.output import lines_of
from tests.contracts.provider_contract import MANY, ProviderContract, ids, named

MODEL = "gemini-3.5-flash-lite"


def asking(text: str, **fields: Any) -> dict[str, Any]:
    """A request of `generateContent`."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


REFUSED = [
    {},
    {"contents": []},
    {"contents": [{"role": "system", "parts": [{"text": "x"}]}]},
    {"contents": [{"role": "user", "parts": []}]},
    {"contents": [{"role": "user", "parts": [{"text": ""}]}]},
    {"contents": [{"role": "user", "parts": "x"}]},
    asking("x", labels={"Upper": "x"}),
    asking("x", temperature=0.5),
]


class GeminiBatchesContract(ProviderContract):
    row_reasons = frozenset({"error"})
    bad_row = (
        {"contents": [{"role": "system", "parts": [{"text": "x"}]}]},
        "valid role: user, model",
    )

    echoes_requests = True
    """Whether an output row carries the request."""

    takes_labels = True
    """Whether requests may carry labels."""

    @pytest.fixture(params=REFUSED, ids=repr)
    def refused(self, request):
        return request.param

    @property
    def labels(self) -> dict[str, Any]:
        return {"labels": {"team": "red"}} if self.takes_labels else {}

    def test_every_row_tells_the_tokens_of_its_prompt_in_the_words_of_the_service(self, service):
        for row in service.rows(service.landed(service.batch(3))):
            assert row.body["usageMetadata"]["promptTokenCount"] > 0

    @pytest.mark.parametrize("text", ['"labels"', "line\nbreak", "\u2028 é 日本 😀", '\\"}', "x" * 5000])
    def test_any_text_goes_out_and_comes_back_with_labels_and_in_the_echo(self, service, text):
        batch = service.batch(requests=[asking(text), asking(text, **self.labels)])
        rows = service.rows(service.landed(batch))
        assert named(rows) == Counter(ids(batch))
        if self.echoes_requests:
            assert [row.request["contents"][0]["parts"][0]["text"] for row in rows] == [text, text]

    def test_an_input_line_with_labels_hashes_like_its_request(self, service):
        request = asking("x", **self.labels)
        (line,) = lines_of(service.blobs.stream(service.batch(requests=[request]).input_uri))
        _, sent = service.provider.read_input(line)
        assert service.hash(sent) == service.hash(request)

    def test_settings_labels_and_instructions_are_taken(self, service):
        config = {"generation_config": {"temperature": 0.2}, **self.labels}
        service.provider.check(service.model, asking("x", **config))
        instruction = {"parts": [{"text": "Be short."}]}
        service.provider.check(service.model, asking("x", systemInstruction=instruction))

    def test_rows_without_a_name_are_known_by_what_they_echo(self, service):
        if not self.echoes_requests:
            pytest.skip("this service echoes the key and nothing else")
        service.set_faults("keyless=1,unlabelled=1,nulls=0.5")
        config = {"generation_config": {"max_output_tokens": 5}, "labels": {"team": "red"}}
        batch = service.batch(requests=[asking(f"number {number}", **config) for number in range(10)])
        lines = lines_of(service.blobs.stream(batch.input_uri))
        prompts = {service.hash(sent): prompt for prompt, sent in map(service.provider.read_input, lines)}
        rows = service.rows(service.landed(batch))
        assert {row.prompt_id for row in rows} == {None}
        assert {prompts[service.hash(row.request)] for row in rows} == ids(batch)

    def test_rows_with_only_a_label_name_their_prompt(self, service):
        if not self.echoes_requests:
            pytest.skip("this service echoes the key and nothing else")
        service.set_faults("keyless=1")
        batch = service.batch(5)
        assert named(service.rows(service.landed(batch))) == Counter(ids(batch))

    def test_errors_of_rows_have_no_finer_reason(self, service):
        service.set_faults("failed=0.5,refused=0.5")
        rows = service.rows(service.landed(service.batch(MANY)))
        assert {row.failure.reason for row in rows} == {"error"}
