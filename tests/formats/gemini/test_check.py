"""What is refused before it is paid for, and in whose words."""

import pytest
from google.genai import types

from gemchain.errors import RequestError
from gemchain.formats.gemini.check import check_request, problem
from gemchain.formats.gemini.fields import camel, field_of
from gemchain.formats.gemini.parts import PART_FIELDS


def asking(text="x", **fields):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("text", "a request is a JSON object, not str"),
        ({}, "at least one contents field is required"),
        ({"content": [1]}, "did you mean 'contents'?"),
        ({"messages": [{"role": "user", "content": "x"}]}, "this model takes Gemini's generateContent"),
        ({"contents": "text"}, "'contents' is a list of contents, not str"),
        ({"contents": ["text"]}, "a content is an object with 'role' and 'parts'"),
        ({"contents": [{"parts": [{"text": "x"}]}]}, "Please use a valid role: user, model. Found None"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "Found 'assistant'"),
        ({"contents": [{"role": "user"}]}, "must include at least one parts field"),
        ({"contents": [{"role": "user", "parts": {"text": "x"}}]}, "'parts' is a list of parts, not dict"),
        ({"contents": [{"role": "user", "parts": ["x"]}]}, "a part is an object"),
        ({"contents": [{"role": "user", "parts": [{"text": 1}]}]}, "the text of a part is a string, not int"),
        (asking(""), "it has an empty text parameter"),
        ({"contents": [{"role": "user", "parts": [{}]}]}, "a part without any data"),
        ({"contents": [{"role": "user", "parts": [{"text": None}]}]}, "a part without any data"),
        ({"contents": [{"role": "model", "parts": [{"text": "x"}]}]}, "ending with a model turn"),
        (asking(temperature=1), "'temperature' belongs inside 'generationConfig'"),
        (asking(max_output_tokens=1), "'max_output_tokens' belongs inside 'generationConfig'"),
        (asking(generationConfig=5), "'generationConfig' is an object, not int"),
        (asking(generationconfig={}), "Did you mean 'generationConfig'?"),
        (asking(config={}), "nest these settings in 'generationConfig'"),
        (asking(systemInstruction="Be short"), "a system instruction is an object with 'parts'"),
        (asking(system_instruction={"parts": []}), "at least one parts field"),
        (asking(labels=["x"]), "labels are an object of strings"),
        (asking(labels={"Team": "x"}), "label key 'Team' is not allowed"),
        (asking(labels={"1st": "x"}), "label key '1st' is not allowed"),
        (asking(labels={"team": "Red"}), "label 'team' cannot be 'Red'"),
        (asking(labels={"team": "x" * 64}), "at most 63 characters"),
        (asking(labels={"team": 5}), "label 'team' cannot be 5"),
        (asking(labels={f"l{n}": "x" for n in range(64)}), "63 labels of its own"),
    ],
)
def test_a_bad_request_is_refused_with_words_that_help(request_, words):
    with pytest.raises(RequestError) as caught:
        check_request(request_)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "request_",
    [
        asking(),
        asking(labels={"team": "red-1_x", "empty": ""}),
        asking(labels={f"l{n}": "x" for n in range(63)}),
        asking(generationConfig={"temperature": 0}, safety_settings=[], tools=[{"googleSearch": {}}]),
        asking(system_instruction={"role": "system", "parts": [{"text": "Be short."}]}),
        asking(generationConfig=None, labels=None),
        asking(aFieldOfTomorrow={"x": 1}),
        {
            "contents": [
                {"role": "user", "parts": [{"fileData": {"fileUri": "gs://b/o", "mimeType": "image/png"}}]}
            ]
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": "x"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
            ]
        },
    ],
)
def test_a_request_that_a_service_would_take_is_taken(request_):
    assert problem(request_) is None


def test_names_of_fields_change_their_case():
    assert [camel(name) for name in ("contents", "response_mime_type", "fileUri", "_hidden", "a_b_")] == [
        "contents",
        "responseMimeType",
        "fileUri",
        "_hidden",
        "aB",
    ]


def test_a_field_is_found_in_either_spelling():
    assert field_of({"response_schema": 1}, "responseSchema") == 1
    assert field_of({"responseSchema": 2}, "responseSchema") == 2
    assert field_of({"responseSchema": None, "response_schema": 3}, "responseSchema") == 3
    assert field_of({}, "responseSchema") is None


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"txt": "x"}, r"a part has no field 'txt'; did you mean 'text'\? \(contents\[0\]\)"),
        ({"text": "x", "inlinedata": {}}, "did you mean 'inlineData'"),
        ({"file_dat": {}}, "did you mean 'fileData'"),
        ({"zzz": 1}, "its fields are those of google-genai's Part"),
        ({"type": "text", "text": "x"}, "a part has no field 'type'"),
        ({1: "x"}, "texts as names"),
    ],
    ids=str,
)
def test_an_unknown_field_of_a_part_is_refused_with_near_names(part, words):
    with pytest.raises(RequestError, match=words):
        check_request({"contents": [{"role": "user", "parts": [part]}]})
    with pytest.raises(RequestError, match="systemInstruction"):
        check_request(asking(systemInstruction={"parts": [part]}))


def test_the_fields_of_a_part_are_those_of_google_genai():
    fields = types.Part.model_fields
    assert {field.alias for field in fields.values()} == PART_FIELDS
    for name in [*fields, *PART_FIELDS]:
        check_request({"contents": [{"role": "user", "parts": [{name: "x"}]}]})
