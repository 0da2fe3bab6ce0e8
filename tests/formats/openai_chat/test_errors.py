"""What services sent in place of an answer, classified."""

import pytest

from gemchain.formats.openai_chat.format import OPENAI_CHAT


def openai(message="Words.", code=None, kind=None):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


CONTEXT = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
)


@pytest.mark.parametrize(
    ("status", "body", "reason", "retryable"),
    [
        (400, openai(kind="invalid_request_error"), "rejected", False),
        (401, openai(code="invalid_api_key"), "rejected", False),
        (404, openai(code="model_not_found"), "rejected", False),
        (400, openai(CONTEXT, "context_length_exceeded"), "context", False),
        (400, openai(code="content_policy_violation"), "blocked", False),
        (400, openai("Flagged as violating our usage policy.", "invalid_prompt"), "blocked", False),
        (429, openai(code="rate_limit_exceeded", kind="requests"), "rate", True),
        (429, openai(code="insufficient_quota", kind="insufficient_quota"), "error", False),
        (
            429,
            openai("Request too large for gpt on tokens per min", "rate_limit_exceeded"),
            "rejected",
            False,
        ),
        (402, openai("Insufficient Balance"), "error", False),
        (500, openai(kind="server_error"), "server", True),
        (503, {}, "server", True),
        (0, openai(kind="server_error"), "server", True),
        (0, openai(code="rate_limit_exceeded"), "rate", True),
        (0, openai(kind="invalid_request_error"), "rejected", False),
        (0, {}, "error", True),
        # llama.cpp, vLLM, Ollama, OpenRouter, Azure
        (
            400,
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size",
                    "n_ctx": 1024,
                }
            },
            "context",
            False,
        ),
        (
            400,
            {"object": "error", "message": CONTEXT, "type": "BadRequestError", "code": 400},
            "context",
            False,
        ),
        (0, {"error": {"code": 400, "message": "x", "type": "BadRequestError"}}, "rejected", False),
        (500, {"error": "out of memory"}, "server", True),
        (0, {"error": {"code": 502, "message": "upstream"}}, "server", True),
        (
            400,
            {
                "error": {
                    "code": "content_filter",
                    "message": "x",
                    "innererror": {"code": "ResponsibleAIPolicyViolation"},
                }
            },
            "blocked",
            False,
        ),
        (
            400,
            {"error": {"message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            "blocked",
            False,
        ),
        # Mistral
        (422, {"detail": [{"loc": ["body", "n"], "msg": "too low", "type": "value"}]}, "rejected", False),
        (
            0,
            {"message": "x", "type": "invalid_function_call", "code": "3280", "raw_status_code": 400},
            "rejected",
            False,
        ),
        (429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited"}, "rate", True),
        (
            400,
            {
                "object": "error",
                "message": "Prompt contains 9 tokens, too large for 8 maximum context length",
            },
            "context",
            False,
        ),
    ],
    ids=str,
)
def test_an_error_has_its_reason(status, body, reason, retryable):
    failure = OPENAI_CHAT.failure(status, body)
    assert (failure.reason, failure.retryable) == (reason, retryable)
    assert failure.message


def test_an_account_without_credit_is_told_what_to_do():
    failure = OPENAI_CHAT.failure(429, openai("You exceeded your current quota", "insufficient_quota"))
    assert failure.message.startswith("You exceeded your current quota")
    assert "adds credit" in failure.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (openai("The words."), "400: The words."),
        (
            {"message": {"detail": [{"loc": ["body", "n"], "msg": "too low"}, "and", 7]}},
            "400: body.n: too low; and; 7",
        ),
        ({"detail": "Not here."}, "400: Not here."),
        ({"message": {"x": 1}}, '400: {"x":1}'),
        ({"error": "Plain."}, "400: Plain."),
        ({}, "HTTP status 400"),
        (openai("x" * 5000), "400: " + "x" * 4000),
    ],
)
def test_the_message_has_the_services_own_words(body, words):
    assert OPENAI_CHAT.failure(400, body).message == words
