"""The wire format of Gemini's `embedContent`."""

from pathlib import Path

import pytest
from google.genai import types

from gemchain.errors import RequestError
from gemchain.formats.embeddings.gemini import GEMINI_EMBEDDINGS, SETTINGS
from gemchain.ports import FileContent, TokenCounts
from tests.contracts.embedding_format_contract import VECTOR, EmbeddingFormatContract


class TestGeminiEmbeddingFormat(EmbeddingFormatContract):
    @pytest.fixture
    def wire_format(self):
        return GEMINI_EMBEDDINGS

    def body(self, text, *, reason=None):
        return {"embedding": {} if reason else {"values": text}}

    @pytest.mark.parametrize("vector", [["a"], [None], [True], 7, [[1.0]]], ids=repr)
    def test_what_is_no_vector_counts_as_none(self, wire_format, vector):
        assert wire_format.embedding(self.body(vector)) == []


def composed(given, config=None, attach=None):
    request = GEMINI_EMBEDDINGS.compose(given, config, attach=attach).request
    GEMINI_EMBEDDINGS.check("m", request)
    GEMINI_EMBEDDINGS.check_settings(request)
    return request


HELLO = {"content": {"parts": [{"text": "Hello"}]}}


@pytest.mark.parametrize(
    "config",
    [
        {"task_type": "RETRIEVAL_QUERY", "outputDimensionality": 256},
        types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=256),
    ],
    ids=["dict", "google-genai"],
)
def test_settings_stand_beside_the_content_in_the_spelling_of_rest(config):
    request = composed("Hello", config)
    assert request == {**HELLO, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 256}


def test_a_content_of_the_sdk_is_a_request():
    content = types.Content(parts=[types.Part(text="Hello")])
    assert composed(content) == HELLO


def test_files_and_texts_are_one_content_with_one_vector():
    def attach(path):
        return FileContent("image/png", uri="gs://b/a.png")

    request = composed([Path("a.png"), "a bird"], attach=attach)
    assert request["content"]["parts"] == [
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}},
        {"text": "a bird"},
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a", "b"], r"gemchain\.embed\(\[…\]\)"),
        ({"content": {"parts": []}}, "'content' is an object"),
        ({"content": "x"}, "'content' is an object"),
        ({"content": {"parts": [{"text": " "}]}}, "text is empty"),
        ({"contents": []}, "Gemini's generateContent"),
    ],
    ids=str,
)
def test_what_is_not_one_content_is_refused(given, words):
    with pytest.raises(RequestError, match=words):
        composed(given)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"task_typ": "x"}, "did you mean 'taskType'"),
        ({"auto_truncate": True}, "in the Gemini API"),
        ({"content": {}}, "hand it over as the request"),
    ],
)
def test_a_mistake_in_the_settings_is_refused(config, words):
    with pytest.raises(RequestError, match=words):
        composed("x", config)


def test_the_settings_are_those_that_google_genai_sends_to_the_gemini_api():
    known = {field.alias for field in types.EmbedContentConfig.model_fields.values()}
    elsewhere = {"mimeType", "autoTruncate", "documentOcr", "audioTrackExtraction", "httpOptions"}
    assert set(SETTINGS) == known - elsewhere


def test_an_answer_of_the_sdk_is_read_with_its_tokens():
    answer = types.SingleEmbedContentResponse(embedding=types.ContentEmbedding(values=VECTOR), token_count=7)
    body = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert GEMINI_EMBEDDINGS.embedding(body) == VECTOR
    assert GEMINI_EMBEDDINGS.usage(body) == TokenCounts(input=7)
    told = {"usageMetadata": {"promptTokenCount": 8}}
    assert GEMINI_EMBEDDINGS.usage(told) == TokenCounts(input=8)
