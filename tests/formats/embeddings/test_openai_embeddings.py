"""The wire format of OpenAI's and Mistral's embeddings."""

import inspect
import struct
from base64 import b64encode
from pathlib import Path

import pytest
from mistralai.client.models import EmbeddingRequest
from openai.types import CreateEmbeddingResponse, Embedding, EmbeddingCreateParams
from openai.types.create_embedding_response import Usage

from gemchain.errors import RequestError
from gemchain.formats.embeddings.openai import OPENAI_EMBEDDINGS, SETTINGS
from gemchain.formats.embeddings.vectors import packed, vector_of
from gemchain.formats.files import inline
from gemchain.ports import TokenCounts
from tests.contracts.embedding_format_contract import VECTOR, EmbeddingFormatContract
from tests.support.typed_dicts import assert_fits


class TestOpenAIEmbeddingFormat(EmbeddingFormatContract):
    @pytest.fixture
    def wire_format(self):
        return OPENAI_EMBEDDINGS

    def body(self, text, *, reason=None):
        data = [] if reason else [{"object": "embedding", "index": 0, "embedding": text}]
        return {"object": "list", "data": data}


def composed(given, config=None, attach=None):
    request = OPENAI_EMBEDDINGS.compose(given, config, attach=attach).request
    OPENAI_EMBEDDINGS.check("m", request)
    OPENAI_EMBEDDINGS.check_settings(request)
    return request


def test_a_text_is_asked_for_in_the_short_spelling_of_a_vector():
    request = composed("Hello", {"dimensions": 256})
    assert request == {"input": "Hello", "encoding_format": "base64", "dimensions": 256}
    assert_fits(EmbeddingCreateParams, {"model": "m", **request})


def test_mistral_takes_the_same_request_with_settings_of_its_own():
    request = composed("Hello", {"output_dimension": 256, "output_dtype": "float"})
    asked = EmbeddingRequest.model_validate({"model": "m", **request})
    assert (asked.inputs, asked.output_dimension, asked.encoding_format) == ("Hello", 256, "base64")


def test_a_vector_of_whole_numbers_is_never_asked_for_in_base64():
    assert "encoding_format" not in composed("Hello", {"output_dtype": "int8"})
    with pytest.raises(RequestError, match="'int8' are not read from base64"):
        composed("Hello", {"output_dtype": "int8", "encoding_format": "base64"})


def test_a_request_of_its_own_form_may_hold_the_tokens_of_one_text():
    assert composed({"input": [11, 12]}) == {"input": [11, 12]}


def test_a_text_file_is_embedded_by_its_text(tmp_path):
    (tmp_path / "a.txt").write_text("Hello")

    def attach(path):
        return inline(path, instead="send less")

    assert composed(tmp_path / "a.txt", attach=attach)["input"] == "Hello"
    assert composed([tmp_path / "a.txt"], attach=attach)["input"] == "Hello"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a", "b"], r"gemchain\.embed\(\[…\]\)"),
        ({"input": ["a", "b"]}, "one vector"),
        ({"input": ""}, "is empty"),
        ({"text": "x"}, "the plain format"),
        (Path("a.png"), "gemini-embedding-2"),
        ({"input": Path("a.png")}, "gemini-embedding-2"),
    ],
    ids=str,
)
def test_what_is_not_one_text_is_refused(given, words):
    with pytest.raises(RequestError, match=words):
        composed(given)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"dimension": 4}, "did you mean 'dimensions'"),
        ({"dimensions": 0}, "at least 1"),
        ({"input": "y"}, "hand it over as the request"),
    ],
)
def test_a_mistake_in_the_settings_is_refused(config, words):
    with pytest.raises(RequestError, match=words):
        composed("x", config)


def test_the_settings_are_those_of_both_sdks():
    openai = set(EmbeddingCreateParams.__annotations__) - {"model", "input"}
    mistral = set(EmbeddingRequest.model_fields) - {"model", "inputs"}
    assert set(SETTINGS) == openai | mistral
    assert inspect.isclass(EmbeddingRequest)


def test_an_answer_of_the_sdk_is_read_with_its_tokens():
    answer = CreateEmbeddingResponse(
        data=[Embedding(embedding=VECTOR, index=0, object="embedding")],
        model="m",
        object="list",
        usage=Usage(prompt_tokens=7, total_tokens=7),
    )
    body = answer.model_dump(mode="json")
    assert OPENAI_EMBEDDINGS.embedding(body) == VECTOR
    assert OPENAI_EMBEDDINGS.usage(body) == TokenCounts(input=7)


def test_base64_is_read_as_little_endian_floats_of_32_bits():
    sent = b64encode(b"".join(struct.pack("<f", each) for each in VECTOR)).decode()
    assert vector_of(sent) == VECTOR
    assert packed(VECTOR) == sent
    assert vector_of(packed([0.1])) == pytest.approx([0.1], abs=1e-7)
