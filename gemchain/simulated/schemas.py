"""Values that fit a schema, made of the prompt's own words.

Takes the OpenAPI dialect of `responseSchema` (types in capitals, `nullable`, `anyOf`) and the JSON schema of
`responseJsonSchema` (`$ref`, `$defs`, `const`, `allOf`, lists of types). `pattern` is not looked at.
https://ai.google.dev/api/caching#Schema

Longer than 300 lines: each keyword of JSON Schema is a method of one class, and they call each other.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from gemchain.formats.gemini.fields import camel
from gemchain.simulated.answers import best_choice, pick, plain_answer
from gemchain.simulated.texts import Asked, keywords, sentences, tidy

__all__ = ["fitting"]

DEEPEST = 6
"""Below this depth only what is required is filled in, so that schemas which contain themselves end."""

MOST_STEPS = 20_000
"""Steps after which a schema counts as one that never ends."""

_DATE = datetime(2026, 1, 1, tzinfo=UTC)

# What a property's name says about the text that belongs into it.
_BY_NAME = (
    (("keyword", "tag", "topic", "term", "entit"), "List the keywords"),
    (("title", "headline", "name", "heading", "subject"), "Give a title"),
    (("sentiment", "mood", "tone"), "Name the sentiment"),
    (("question",), "Ask one question"),
    (("summar", "abstract", "gist", "descri", "overview", "text", "sentence"), "Summarise in one sentence"),
    (("outline", "steps", "list", "points"), "List three points"),
    (("draft", "body", "article", "paragraph", "content"), "Write a paragraph"),
)


def fitting(schema: Any, asked: Asked) -> Any:
    """A value that fits the schema and speaks of the prompt.

    Required and optional properties are filled, in the order of `propertyOrdering` where it is given.

    Raises:
        ValueError: No finite value fits, or the schema is no schema.
    """
    try:
        return _Fitter(schema, asked, itertools.count()).value(schema, "", 0)
    except (RecursionError, TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"no value can be made for this schema: {error}") from error


class _Fitter:
    """Fills one schema for one prompt.

    Args:
        root: The whole schema, for its `$defs`.
        asked: The prompt.
        steps: Counts the steps of the whole answer.
    """

    def __init__(self, root: Any, asked: Asked, steps: Iterator[int]) -> None:
        self._root = root
        self._steps = steps
        self._asked = asked
        self._key = asked.instruction + asked.material
        self._by_type: dict[str, Callable[[dict[str, Any], str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": partial(self._number, whole=True),
            "number": partial(self._number, whole=False),
            "boolean": self._boolean,
            "null": _nothing,
        }

    def value(self, given: Any, name: str, depth: int) -> Any:
        schema = self._plain(given)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._of(schema["enum"], name)
        for choice in ("anyOf", "oneOf"):
            if schema.get(choice):
                rest = {key: value for key, value in schema.items() if key != choice}
                return self.value(_merged(rest, self._simplest(schema[choice], depth)), name, depth)
        fill: Callable[[dict[str, Any], str, int], Any] = self._by_type.get(_type_of(schema), self._string)
        return fill(schema, name, depth)

    def _plain(self, schema: Any) -> dict[str, Any]:
        """The schema with its reference followed, its parts merged and its keywords in camelCase."""
        if next(self._steps) > MOST_STEPS:
            raise ValueError("this schema asks for a value without an end")
        if not isinstance(schema, dict):
            return {}
        plain = {camel(key) if "_" in key else key: value for key, value in schema.items()}
        reference = plain.pop("$ref", None) or plain.pop("ref", None)
        if isinstance(reference, str):
            plain = _merged(self._plain(self._find(reference)), plain)
        for part in plain.pop("allOf", None) or ():
            plain = _merged(plain, self._plain(part))
        return plain

    def _find(self, reference: str) -> Any:
        found = self._root
        for step in reference.removeprefix("#").split("/"):
            if step and isinstance(found, dict):
                found = found.get(step.replace("~1", "/").replace("~0", "~"))
        return found

    def _simplest(self, choices: list[Any], depth: int) -> Any:
        """The first choice that is something; deep inside, the one that nests least."""
        something = [each for each in choices if _type_of(self._plain(each)) != "null"] or choices
        if depth < DEEPEST:
            return something[0]
        return min(choices, key=lambda each: _NESTING.get(_type_of(self._plain(each)), 1))

    def _of(self, choices: list[Any], name: str) -> Any:
        texts = [choice for choice in choices if isinstance(choice, str)]
        if len(texts) == len(choices):
            return best_choice(texts, self._asked.material)
        return choices[pick(self._key + name, len(choices))]

    def _object(self, schema: dict[str, Any], _name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        names = list(schema.get("propertyOrdering") or ())
        names += [each for each in (*properties, *required) if each not in names]
        if depth >= DEEPEST:
            names = [each for each in names if each in required]
        made = {each: self.value(properties.get(each), each, depth + 1) for each in names}
        return self._with_more(made, schema, depth)

    def _with_more(self, made: dict[str, Any], schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Free entries, where the schema asks for a map or for more properties than it names."""
        free = schema.get("additionalProperties")
        wanted = _least(schema.get("minProperties"))
        if isinstance(free, dict) and not made:
            wanted = max(wanted, 2)
        for word in (*keywords(self._asked.material, wanted), *(f"item{each}" for each in range(wanted))):
            if len(made) >= wanted:
                break
            made.setdefault(word, self.value(free, word, depth + 1))
        return made

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        least = _least(schema.get("minItems"))
        choices = self._plain(schema.get("items")).get("enum") if schema.get("uniqueItems") else None
        most = _whole(schema.get("maxItems"), max(least, len(choices) if choices else 3))
        count = least if depth >= DEEPEST else min(max(least, 3), most)
        fixed = schema.get("prefixItems") or []
        items = schema.get("items")
        made = [self.value(each, name, depth + 1) for each in fixed[: most if "maxItems" in schema else None]]
        if fixed and items in (None, False):
            return made
        return made + self._items(items, name, max(count - len(made), 0), depth)

    def _items(self, items: Any, name: str, count: int, depth: int) -> list[Any]:
        plain = self._plain(items)
        if _type_of(plain) == "string" and not plain.keys() & {"enum", "format", "const", "anyOf", "oneOf"}:
            return [_cut(text, plain) for text in self._texts(name, count)]
        if plain.get("enum"):
            choices = plain["enum"]
            return [choices[place % len(choices)] for place in range(count)]
        found = sentences(self._asked.material) or [""]
        # Each item speaks of a sentence of its own.
        fitters = (
            _Fitter(self._root, Asked(self._asked.instruction, found[each % len(found)]), self._steps)
            for each in range(count)
        )
        return [fitter.value(items, name, depth + 1) for fitter in fitters]

    def _texts(self, name: str, count: int) -> list[str]:
        """Texts that differ: keywords, or sentences where the name asks for more than a word."""
        low = name.lower()
        spoken = any(
            part in low for part in ("point", "step", "sentence", "fact", "summar", "idea", "reason")
        )
        texts = (sentences(self._asked.material) if spoken else [])[:count]
        texts += [word for word in keywords(self._asked.material, count * 2) if word not in texts]
        texts += [f"item {place}" for place in range(count)]
        return texts[:count]

    def _string(self, schema: dict[str, Any], name: str, depth: int) -> str:  # noqa: PLR0911 -- one for each format
        shape = schema.get("format")
        moment = _DATE + timedelta(days=pick(self._key + name, 365))
        match shape:
            case "date-time":
                return moment.isoformat().replace("+00:00", "Z")
            case "date":
                return moment.date().isoformat()
            case "time":
                return "12:00:00Z"
            case "uuid":
                digits = f"{pick(self._key + name, 1 << 62):032x}"
                return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            case "email":
                return "someone@example.com"
            case "uri" | "url" | "uri-reference":
                return "https://example.com/"
        return _cut(self._words_for(name, schema, depth), schema)

    def _words_for(self, name: str, schema: dict[str, Any], depth: int) -> str:
        low = name.lower()
        for parts, instruction in _BY_NAME:
            if any(part in low for part in parts):
                return plain_answer(Asked(instruction, self._asked.material))
        hint = schema.get("description") or (self._asked.instruction if not depth else name)
        return plain_answer(Asked(str(hint), self._asked.material))

    def _number(self, schema: dict[str, Any], name: str, _depth: int, *, whole: bool) -> float:
        low, high = _bounds(schema, whole=whole)
        step = schema.get("multipleOf") or (1 if whole else (high - low) / 20 or 1)
        first = math.ceil(low / step) if whole or "multipleOf" in schema else 0
        last = math.floor(high / step) if whole or "multipleOf" in schema else 20
        place = first + pick(self._key + name, max(last - first + 1, 1))
        if whole:
            return int(place * step)
        value = place * step if "multipleOf" in schema else low + place * step
        return min(max(round(value, 6), low), high)

    def _boolean(self, _schema: dict[str, Any], name: str, _depth: int) -> bool:
        return bool(pick(self._key + name, 2))


def _nothing(_schema: dict[str, Any], _name: str, _depth: int) -> None:
    return None


_NESTING = {"null": 0, "string": 1, "array": 2, "object": 3}


def _merged(one: dict[str, Any], other: Any) -> dict[str, Any]:
    """Both schemas at once: properties and requirements add up, else the other wins."""
    if not isinstance(other, dict):
        return one
    both = {**one, **other}
    if one.get("properties") and other.get("properties"):
        both["properties"] = {**one["properties"], **other["properties"]}
    if one.get("required") and other.get("required"):
        both["required"] = [
            *one["required"],
            *(each for each in other["required"] if each not in one["required"]),
        ]
    return both


def _type_of(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if str(each).lower() != "null"), "null")
    if isinstance(kind, str) and kind != "TYPE_UNSPECIFIED":
        return kind.lower()
    for sign, meant in _SIGNS:
        if sign in schema:
            return meant
    return "string"


_SIGNS = (
    ("properties", "object"), ("additionalProperties", "object"), ("required", "object"),
    ("items", "array"), ("prefixItems", "array"), ("minItems", "array"),
    ("minimum", "number"), ("maximum", "number"), ("multipleOf", "number"),
)  # fmt: skip


def _whole(value: Any, otherwise: int) -> int:
    """A count as the API spells it: a number, or a number as text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return otherwise


def _least(value: Any) -> int:
    """How many of something there have to be."""
    found = _whole(value, 0)
    if found > MOST_STEPS:
        raise ValueError(f"this schema asks for {found:,} of something; no more than {MOST_STEPS:,} are made")
    return found


def _bounds(schema: dict[str, Any], *, whole: bool) -> tuple[float, float]:
    """The range of a number, both ends included."""
    least: float = 1 if whole else 1e-6
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, int | float) and not isinstance(above, bool):
        low = above + least if low is None else max(low, above + least)
    if isinstance(below, int | float) and not isinstance(below, bool):
        high = below - least if high is None else min(high, below - least)
    span = 10 if whole else 1
    if low is None:
        low = 0 if high is None or high >= 0 else high - span
    if high is None:
        high = low + span
    return low, max(low, high)


def _cut(text: str, schema: dict[str, Any]) -> str:
    """The text, as long as the schema allows and as long as it demands."""
    least, most = _least(schema.get("minLength")), _whole(schema.get("maxLength"), 0)
    text = tidy(text) or "text"
    if most and len(text) > most:
        text = text[:most].rsplit(" ", 1)[0] if " " in text[:most] and least < most // 2 else text[:most]
    return (
        text
        if len(text) >= least
        else (text + " ") * (least // (len(text) + 1)) + (text + " ")[: least % (len(text) + 1)]
    )
