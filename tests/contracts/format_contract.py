"""What every wire format keeps to."""

import abc
from pathlib import Path

import orjson
import pytest
from pydantic import BaseModel

from gemchain.errors import RequestError
from gemchain.ports import Composed, TokenCounts

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
NOT_BODIES = [{}, {"text": None}, {"candidates": "x"}, {"candidates": [None]}, {"finish": 7}, {"tokens": []}]


class Answer(BaseModel):
    n: int


class FormatContract(abc.ABC):
    """A format passes by giving a subclass these."""

    @pytest.fixture
    @abc.abstractmethod
    def wire_format(self):
        """The format."""

    @abc.abstractmethod
    def body(self, text, *, reason=None):
        """A body with this text that is fine, or that is `blocked`, `truncated` or `empty`."""

    def test_its_name_is_that_under_which_it_is_found_again(self, wire_format):
        from gemchain.formats.registry import format_named

        assert format_named(wire_format.name) is wire_format

    def test_a_text_becomes_a_request_that_is_json_and_passes_the_check(self, wire_format):
        composed = wire_format.compose("What is 2 and 2?")
        assert composed == Composed(composed.request, None, None)
        assert orjson.loads(orjson.dumps(composed.request)) == composed.request
        wire_format.check("m", composed.request)

    def test_a_request_of_its_own_form_stays_as_it_is(self, wire_format):
        request = wire_format.compose("x").request
        assert wire_format.compose(request).request == request

    @pytest.mark.parametrize("given", [7, None, object(), [3.5]])
    def test_what_is_no_request_is_refused(self, wire_format, given):
        with pytest.raises(RequestError):
            wire_format.compose(given)

    @pytest.mark.parametrize("given", ["", "  ", {}])
    def test_what_is_empty_is_refused(self, wire_format, given):
        with pytest.raises(RequestError):
            wire_format.check("m", wire_format.compose(given).request)

    def test_a_schema_is_sent_and_told(self, wire_format):
        composed = wire_format.compose("x", schema=SCHEMA)
        assert (composed.schema, composed.model) == (SCHEMA, None)
        assert b'"integer"' in orjson.dumps(composed.request)
        wire_format.check("m", composed.request)
        wire_format.check_settings(composed.request)

    def test_a_model_class_is_sent_as_its_schema_and_kept(self, wire_format):
        composed = wire_format.compose("x", schema=Answer)
        assert composed.model is Answer
        assert composed.schema["properties"]["n"]["type"] == "integer"

    def test_an_unknown_kind_of_config_is_refused(self, wire_format):
        with pytest.raises(RequestError, match="config"):
            wire_format.compose("x", config=["temperature"])

    def test_requests_are_compared_without_touching_files(self, wire_format):
        try:
            composed = wire_format.compose([Path("gone/a.png"), "x"])
        except RequestError:
            return  # a format without files says so
        assert b"a.png" in orjson.dumps(composed.request)

    def test_the_hash_does_not_depend_on_the_order_of_fields(self, wire_format):
        request = wire_format.compose("x", schema=SCHEMA).request
        turned = dict(reversed(request.items()))
        assert wire_format.echo_hash(request) == wire_format.echo_hash(turned)
        assert wire_format.echo_hash(request) != wire_format.echo_hash(wire_format.compose("y").request)

    def test_a_usable_answer_has_a_text_and_no_failure(self, wire_format):
        body = self.body("four")
        assert (wire_format.text(body), wire_format.judge(body)) == ("four", None)
        assert [part["text"] for part in wire_format.parts(body)] == ["four"]
        assert wire_format.tool_calls(body) == []
        assert wire_format.finish_reason(body)

    @pytest.mark.parametrize("reason", ["blocked", "truncated", "empty"])
    def test_an_answer_that_is_not_usable_says_why(self, wire_format, reason):
        assert wire_format.judge(self.body("four", reason=reason)).reason == reason

    @pytest.mark.parametrize("body", NOT_BODIES, ids=repr)
    def test_what_is_no_body_counts_as_an_empty_answer(self, wire_format, body):
        assert wire_format.text(body) == ""
        assert wire_format.parts(body) == wire_format.tool_calls(body) == []
        assert isinstance(wire_format.finish_reason(body), str)
        assert wire_format.judge(body) is not None
        assert wire_format.usage(body) == TokenCounts()
        assert wire_format.reported_usage(body) == {}
