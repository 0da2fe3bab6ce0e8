"""What every wire format of embeddings keeps to: the contract of formats, with vectors in place of texts."""

import orjson
import pytest

from gemchain.errors import RequestError
from gemchain.ports import Options
from tests.contracts.format_contract import NOT_BODIES, SCHEMA, Answer, FormatContract

VECTOR = [0.5, -0.25, 0.0, 1.0]


class EmbeddingFormatContract(FormatContract):
    """A format passes by giving a subclass `wire_format` and `body`, whose `text` is a vector."""

    def test_a_schema_is_sent_and_told(self, wire_format):
        with pytest.raises(RequestError, match="'schema'"):
            wire_format.compose("x", schema=SCHEMA)

    def test_a_model_class_is_sent_as_its_schema_and_kept(self, wire_format):
        with pytest.raises(RequestError, match="'schema'"):
            wire_format.compose("x", schema=Answer)

    @pytest.mark.parametrize(
        ("name", "value"), [("system", "x"), ("temperature", 0.0), ("max_output_tokens", 5), ("tools", [])]
    )
    def test_a_setting_of_generated_answers_is_refused(self, wire_format, name, value):
        with pytest.raises(RequestError, match=f"takes no '{name}'"):
            wire_format.compose("x", options=Options(**{name: value}))

    def test_the_hash_does_not_depend_on_the_order_of_fields(self, wire_format):
        request = {**wire_format.compose("x").request, "title": "a"}
        turned = dict(reversed(request.items()))
        assert wire_format.echo_hash(request) == wire_format.echo_hash(turned)
        assert wire_format.echo_hash(request) != wire_format.echo_hash(wire_format.compose("y").request)

    def test_a_usable_answer_has_a_text_and_no_failure(self, wire_format):
        body = self.body(VECTOR)
        assert (wire_format.embedding(body), wire_format.judge(body)) == (VECTOR, None)
        assert (wire_format.text(body), wire_format.parts(body), wire_format.tool_calls(body)) == ("", [], [])
        assert wire_format.finish_reason(body) == "STOP"

    @pytest.mark.parametrize("reason", ["empty"])
    def test_an_answer_that_is_not_usable_says_why(self, wire_format, reason):
        failure = wire_format.judge(self.body(VECTOR, reason=reason))
        assert (failure.reason, failure.retryable) == (reason, True)

    @pytest.mark.parametrize("body", [*NOT_BODIES, {"data": [7]}, {"embedding": [1.0]}], ids=repr)
    def test_what_is_no_body_has_no_vector(self, wire_format, body):
        assert wire_format.embedding(body) == []

    @pytest.mark.parametrize("vector", [["a"], [None], [True], "no base64", "AAA=", 7, [[1.0]]], ids=repr)
    def test_what_is_no_vector_counts_as_none(self, wire_format, vector):
        assert wire_format.embedding(self.body(vector)) == []

    def test_a_request_never_holds_the_models_name(self, wire_format):
        with pytest.raises(RequestError, match="'model'"):
            wire_format.check("m", {**wire_format.compose("x").request, "model": "m"})

    def test_a_request_in_another_form_is_refused_by_its_name(self, wire_format):
        asked = {"messages": [{"role": "user", "content": "x"}]}
        with pytest.raises(RequestError, match="a chat API"):
            wire_format.check("m", orjson.loads(orjson.dumps(asked)))
