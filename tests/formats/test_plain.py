"""The plain wire format passes the contract."""

import pytest

import gemchain
from gemchain.errors import RequestError
from gemchain.formats.plain.format import PLAIN
from gemchain.ports import TokenCounts, ToolCall
from gemchain.testing import embedded
from tests.contracts.format_contract import FormatContract

REASONS = {None: "stop", "blocked": "filter", "truncated": "length", "empty": "stop"}


class TestPlainFormat(FormatContract):
    @pytest.fixture
    def wire_format(self):
        return PLAIN

    def body(self, text, *, reason=None):
        return {"text": "" if reason == "empty" else text, "finish": REASONS[reason]}


def test_texts_are_joined_and_a_system_text_stands_beside_them():
    assert PLAIN.compose(["a", "b"], {"system": "Be short."}).request == {
        "text": "a\n\nb",
        "system": "Be short.",
    }


@pytest.mark.parametrize(
    ("given", "config", "words"),
    [
        ({"text": "x", "contents": []}, None, "not 'contents'"),
        ("x", {"temperature": 1}, "no setting 'temperature'"),
    ],
)
def test_a_field_of_another_form_is_refused_by_name(given, config, words):
    with pytest.raises(RequestError, match=words):
        PLAIN.check("m", PLAIN.compose(given, config).request)


def test_tokens_and_calls_are_read_where_the_model_tells():
    body = {"tokens": {"input": 3, "output": "many"}, "calls": [{"name": "f", "arguments": {"x": 1}}, 7]}
    assert PLAIN.usage(body) == TokenCounts(input=3)
    assert PLAIN.tool_calls(body) == [ToolCall("f", {"x": 1})]


@pytest.mark.parametrize("faults", ["", "keyless=1,nulls=1", "blocked=1", "truncated=1", "empty=1"])
def test_a_simulated_model_speaks_it_with_every_fault_of_a_row(tmp_path, faults):
    with embedded(tmp_path, simulated_faults=faults, max_attempts=1) as engine:
        handles = [gemchain.submit(f"Name {number} birds.", "simulated/plain/echo") for number in range(9)]
        engine.run()
        states = {handle.chain.status().state.value for handle in handles}
        assert states == ({"FAILED"} if "1" in faults and "keyless" not in faults else {"DONE"})
        (request,) = engine.runtime.store.requests([handles[0].id]).values()
        assert request == '{"text":"Name 0 birds."}'


def test_a_response_kept_for_a_replay_comes_back_in_its_format(tmp_path):
    with embedded(tmp_path, responder=lambda request: {"text": request["text"], "tokens": {"input": 2}}):
        from tests.apps import formats

        assert gemchain.start(formats.two_tokens, "simulated/plain/echo").result() == ["plain", 2, 2]
