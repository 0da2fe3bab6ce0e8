"""Answers without a model: sensible, the same every time, and of the shape that was asked for."""

import enum
import json
from datetime import date, datetime
from typing import Annotated, Literal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from gemchain.formats.gemini.finish_reasons import judge
from gemchain.simulated.gemini import as_body, builtin
from gemchain.simulated.responders import as_error, respond
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, sentences, split_request

TEXT = """Wrap a single paragraph of text, returning a list of wrapped lines.

Reformat the paragraph so it fits in lines of no more than 'width' columns. Tabs in the text are expanded,
and every other whitespace character is converted to a space. Long words are broken unless told otherwise.

    >>> wrap("Hello world", width=5)
"""


def asking(text, **fields):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def answer(instruction, text=TEXT):
    return builtin(asking(f"{instruction}\n\n{text}"))


def test_one_sentence_is_the_one_that_opens_the_text():
    assert answer("Summarise in one sentence:") == (
        "Wrap a single paragraph of text, returning a list of wrapped lines."
    )


def test_a_longer_summary_takes_more_sentences():
    assert len(sentences(answer("Summarise in three sentences:"))) == 3


def test_keywords_are_words_of_the_text():
    found = answer("Give four keywords for this text:").split(", ")
    assert len(found) == 4
    assert all(word in TEXT.lower() for word in found)


def test_a_list_has_as_many_items_as_asked_for():
    found = answer("List three points:").splitlines()
    assert [item[:3] for item in found] == ["1. ", "2. ", "3. "]


def test_questions_end_with_a_question_mark():
    assert all(line.endswith("?") for line in answer("Write two questions about this:").splitlines())


def test_a_choice_is_one_of_those_offered():
    assert answer("Classify as beginner, intermediate or advanced:") in {
        "beginner",
        "intermediate",
        "advanced",
    }
    assert answer("Choose one of: 'paragraph', 'window', 'garden'.") == "paragraph"
    assert 1 <= int(answer("Rate it from 1 to 5:")) <= 5


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("I love it, works great.", "positive"),
        ("It is broken, the worst.", "negative"),
        ("It is a table.", "neutral"),
    ],
)
def test_a_sentiment_follows_from_the_words(text, mood):
    assert answer("What is the sentiment?", text) == mood
    assert answer("Classify as positive, negative or neutral:", text) == mood


def test_different_instructions_get_different_answers():
    instructions = [
        "Summarise in one sentence:", "Give five keywords:", "Give it a title:", "List three points:",
        "Ask three questions:", "Write a paragraph about it:", "Is this about text?", "Rate it from 1 to 9:",
    ]  # fmt: skip
    assert len({answer(each) for each in instructions}) == len(instructions)


def test_examples_of_code_are_not_taken_for_sentences():
    assert ">>>" not in answer("Summarise in ten sentences:")


def test_a_system_instruction_is_the_instruction():
    request = asking(TEXT.replace("\n", " "), systemInstruction={"parts": [{"text": "Give two keywords."}]})
    assert len(builtin(request).split(", ")) == 2


def test_the_last_turn_of_the_user_is_answered():
    turns = [("user", "Give one keyword: apples"), ("model", "apples"), ("user", "Give one keyword: pears")]
    contents = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
    assert builtin({"contents": contents}) == "pears"


def test_media_and_replies_of_functions_are_spoken_of():
    parts = [
        {"text": "Describe"},
        {"file_data": {"file_uri": "gs://bucket/house.png", "mime_type": "image/png"}},
        {"functionResponse": {"name": "f", "response": {"weather": "sunny"}}},
    ]
    assert "image/png" in builtin({"contents": [{"role": "user", "parts": parts}]})


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_gets_an_answer_and_always_the_same(text):
    request = asking(text)
    said = builtin(request)
    assert said
    assert said == builtin(json.loads(json.dumps(request)))
    assert judge(as_body(said, request, "m", "now")) is None


def test_a_colon_or_a_blank_line_parts_instruction_and_material():
    assert split_request("Summarise:\n\nA text.") == Asked("Summarise:", "A text.")
    assert split_request("Summarise: A text.") == Asked("Summarise", "A text.")
    assert split_request("Tell me more.") == Asked("Tell me more.", "Tell me more.")


def test_a_long_prompt_is_looked_at_only_in_its_beginning():
    split = split_request("x " * 1_000_000)
    assert len(split.instruction) + len(split.material) < 2000


class Level(enum.Enum):
    easy = "easy"
    hard = "hard"


class Point(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=3, max_length=40)
    weight: float = Field(gt=0, lt=1)
    page: int | None


class Tree(BaseModel):
    name: str
    children: list["Tree"] = Field(max_length=2)


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = Field(max_length=20)
    body: str = Field(max_length=100_000)
    level: Level
    kind: Literal["a", "b"]
    score: int = Field(ge=1, le=5)
    even: int = Field(multiple_of=2, ge=3, le=9)
    share: Annotated[float, Field(ge=0, le=0.5)]
    fine: bool
    tags: list[str] = Field(min_length=2, max_length=4)
    levels: set[Level] = Field(min_length=2)
    points: list[Point] = Field(min_length=1)
    pair: tuple[int, str]
    either: Point | None
    union: int | str
    day: date
    moment: datetime
    table: dict[str, int]
    tree: Tree
    nothing: None


@pytest.mark.parametrize("text", ["", "x", TEXT, "日本 " * 50])
def test_json_fits_the_schema_of_a_pydantic_model(text):
    config = {"responseMimeType": "application/json", "responseJsonSchema": Everything.model_json_schema()}
    said = builtin(asking(f"Describe it:\n\n{text}", generationConfig=config))
    made = Everything.model_validate_json(said)
    assert made.tags
    assert said == builtin(asking(f"Describe it:\n\n{text}", generationConfig=config))


@pytest.mark.parametrize("kind", [list[Point], dict[str, Point], int, bool, Literal["x", "y"], Level, Tree])
def test_a_schema_need_not_be_an_object(kind):
    adapter = TypeAdapter(kind)
    adapter.validate_python(fitting(adapter.json_schema(), Asked("Describe", TEXT)))


OPENAPI = {
    "type": "OBJECT",
    "properties": {
        "summary": {"type": "STRING"},
        "mood": {"type": "STRING", "format": "enum", "enum": ["positive", "negative"]},
        "count": {"type": "INTEGER", "minimum": 10, "maximum": 12},
        "items": {"type": "ARRAY", "min_items": "2", "maxItems": "2", "items": {"type": "NUMBER"}},
        "either": {"any_of": [{"type": "STRING"}, {"type": "NUMBER"}]},
        "maybe": {"type": "STRING", "nullable": True},
    },
    "required": ["summary"],
    "propertyOrdering": ["mood", "summary"],
}


@pytest.mark.parametrize("name", ["responseSchema", "response_schema"])
def test_the_dialect_of_response_schema_is_obeyed_too(name):
    said = orjson.loads(builtin(asking(TEXT, generation_config={name: OPENAPI})))
    assert list(said)[:2] == ["mood", "summary"]
    assert said["mood"] in {"positive", "negative"}
    assert said["count"] in {10, 11, 12}
    assert len(said["items"]) == 2
    assert isinstance(said["either"], str)
    assert isinstance(said["maybe"], str)


def test_json_without_a_schema_is_an_object():
    said = builtin(asking(TEXT, generationConfig={"responseMimeType": "application/json"}))
    assert set(orjson.loads(said)) == {"summary", "keywords"}


def test_an_enum_can_be_asked_for_as_plain_text():
    config = {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["wrap", "fold"]},
    }
    assert builtin(asking(TEXT, generationConfig=config)) == "wrap"


NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["next"]}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
        {"type": "object", "minProperties": 10**12},
    ],
)
def test_a_schema_without_an_end_is_the_final_error_of_its_row_alone(schema):
    said = respond(builtin, asking("x", generationConfig={"responseJsonSchema": schema}))
    assert isinstance(said, ValueError)


SCHEMA_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["string", "OBJECT", "array", "number", "#"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "required", "$ref", "anyOf", "allOf", "minimum", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(SCHEMA_JUNK)
def test_a_senseless_schema_is_the_error_of_its_row_alone(schema):
    said = respond(builtin, asking("x", generationConfig={"responseJsonSchema": schema}))
    assert isinstance(said, str | Exception)


def test_a_body_counts_its_tokens_and_says_that_it_is_simulated():
    body = as_body("y" * 40, asking("x" * 400), "gemini-3.5-flash-lite", "2026-01-01T00:00:00+00:00")
    assert body["usageMetadata"]["promptTokenCount"] == 100
    assert body["usageMetadata"]["candidatesTokenCount"] == 10
    assert body["usageMetadata"]["totalTokenCount"] == 110
    assert body["modelVersion"] == "simulated/gemini-3.5-flash-lite"
    assert body["responseId"].startswith("simulated-")


def test_a_body_that_was_given_whole_is_kept_and_completed():
    given_body = {"candidates": [{"content": {"parts": [{"text": "abcd"}]}}], "modelVersion": "mine"}
    body = as_body(given_body, asking("x"), "m", "now")
    assert body["modelVersion"] == "mine"
    assert body["usageMetadata"]["candidatesTokenCount"] == 1
    assert "usageMetadata" not in given_body


def test_an_exception_reads_like_an_error_of_the_service():
    assert as_error(KeyError("x")).startswith('Bad Request: {"error":{"code":400')
    assert "RuntimeError" in as_error(RuntimeError())
