"""Answers in plain text that follow from an instruction and a text, without a model."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b

from gemchain.simulated.texts import (
    MOST_COUNTED,
    Asked,
    keywords,
    number_in,
    opening,
    sentences,
    telling,
    tidy,
    words,
)

__all__ = ["best_choice", "pick", "plain_answer"]

_POSITIVE = frozenset(
    """
    good great excellent love loved best helpful easy fast happy nice perfect recommend works safe
    simple reliable wonderful pleased clear success improve improved thanks
    """.split()  # noqa: SIM905
)
_NEGATIVE = frozenset(
    """
    terrible awful hate worst slow broken poor error errors fail fails failed failure wrong unsafe
    difficult missing problem problems refund useless unhappy angry crash crashes deprecated invalid
    """.split()  # noqa: SIM905
)
_CHOICES = re.compile(
    r"\b(?:one of|either|as|into|among|between|choose|options?)\b:?\s+"
    r"((?:['\"]?[\w -]{1,30}['\"]?\s*(?:,|/|\||\bor\b)\s*)+"
    r"(?:or\s+|and\s+)?['\"]?[\w-]{1,30})",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*(?:,|/|\||\bor\b|\band\b)\s*", re.IGNORECASE)
_SCALE = re.compile(r"(?:from|between|scale of)?\s*(\d{1,3})\s*(?:-|to|and)\s*(\d{1,3})", re.IGNORECASE)


def pick(text: str, choices: int) -> int:
    """A number below `choices` that depends on nothing but the text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") % choices


def best_choice(choices: Sequence[str], text: str) -> str:
    """The choice that the text speaks of most, else one that depends on nothing but the text."""
    low = text.lower()
    counts = [low.count(choice.lower()) if choice else 0 for choice in choices]
    top = max(counts)
    if not top and {"positive", "negative"} <= {choice.lower() for choice in choices}:
        return _by_sentiment(choices, text)
    return choices[counts.index(top)] if top else choices[pick(text, len(choices))]


def _sentiment(text: str) -> str:
    found = words(text)
    balance = sum(word in _POSITIVE for word in found) - sum(word in _NEGATIVE for word in found)
    return "positive" if balance > 0 else "negative" if balance < 0 else "neutral"


def _by_sentiment(choices: Sequence[str], text: str) -> str:
    mood = _sentiment(text)
    same = [choice for choice in choices if choice.lower() == mood]
    return same[0] if same else choices[pick(text, len(choices))]


def _topic(asked: Asked) -> str:
    found = keywords(asked.material, 2)
    return (
        " and ".join(found) if found else tidy(asked.material)[:40].rstrip(" ?.!") or "nothing in particular"
    )


def _summary(asked: Asked) -> str:
    return _told(asked, number_in(asked.instruction, 2, most=10))


def _told(asked: Asked, count: int) -> str:
    if count == 1:
        return opening(sentences(asked.material[:MOST_COUNTED]))
    found = sentences(asked.material)
    if len(found) <= count:
        return " ".join(found)
    # What the text opens with is its matter; the sentences that speak of it go along.
    return " ".join(telling(found, words(found[0]), count))


def _keywords(asked: Asked) -> str:
    found = keywords(asked.material, number_in(asked.instruction, 5))
    return ", ".join(found) or _topic(asked)


def _title(asked: Asked) -> str:
    found = keywords(asked.material, 4)
    return " ".join(word.capitalize() for word in found) or tidy(asked.material)[:60]


def _list(asked: Asked) -> str:
    count = number_in(asked.instruction, 3)
    items = telling(sentences(asked.material), keywords(asked.material, 6), count)
    if len(items) < count:
        named = "".join(items).lower() if len(items) > 1 else ""
        items = items if len(items) > 1 else []
        fresh = [word for word in keywords(asked.material, count * 3) if word not in named]
        items += [word.capitalize() for word in fresh[: count - len(items)]]
    return "\n".join(f"{place}. {item}" for place, item in enumerate(items or [_topic(asked)], 1))


_QUESTIONS = (
    "What is meant by {}?", "Why does {} matter here?", "When should {} be used?",
    "What happens without {}?", "How does {} relate to the rest?",
)  # fmt: skip


def _questions(asked: Asked) -> str:
    count = number_in(asked.instruction, 3)
    found = keywords(asked.material, count) or [_topic(asked)]
    return "\n".join(
        f"{place + 1}. {_QUESTIONS[place % len(_QUESTIONS)].format(word)}" for place, word in enumerate(found)
    )


def _choice(asked: Asked) -> str:
    scale = _SCALE.search(asked.instruction)
    if scale:
        low, high = sorted((int(scale.group(1)), int(scale.group(2))))
        return str(low + pick(asked.material, high - low + 1))
    named = _CHOICES.search(asked.instruction)
    if named:
        choices = [tidy(each) for each in _BETWEEN.split(named.group(1)) if tidy(each)]
        return best_choice(choices, asked.material)
    return _sentiment(asked.material) if "sentiment" in asked.instruction.lower() else _topic(asked)


def _draft(asked: Asked) -> str:
    found = keywords(asked.material, 4) or [_topic(asked)]
    told = telling(sentences(asked.material), found, 3)
    opening = f"This is about {found[0]}" + (f", and with it {', '.join(found[1:])}." if found[1:] else ".")
    body = " ".join(told) if asked.material != asked.instruction else ""
    closing = f"What matters most is {found[-1]}."
    return " ".join(part for part in (opening, body, closing) if part)


def _rewritten(asked: Asked) -> str:
    found = sentences(asked.material)
    ended = (each if each[-1] in ".!?:" else f"{each}." for each in found)
    return " ".join(each[:1].upper() + each[1:] for each in ended)


def _comparison(asked: Asked) -> str:
    found = telling(sentences(asked.material), keywords(asked.material, 6), 2)
    if len(found) == 1:
        return f"There is one thing to see: {found[0]}"
    return f"On the one hand: {found[0]} On the other: {found[1]}"


def _verdict(asked: Asked) -> str:
    found = telling(sentences(asked.material), words(asked.instruction), 1)
    verdict = ("Yes", "No")[pick(asked.material, 2)]
    return f"{verdict}: {found[0]}" if found else f"{verdict}."


def _answer(asked: Asked) -> str:
    """To a question: the sentence that shares most words with it."""
    found = sentences(asked.material)
    if asked.material == asked.instruction:
        return f"That depends on {_topic(asked)}."
    return telling(found, words(asked.instruction), 1)[0] if found else _topic(asked)


def _plain(asked: Asked) -> str:
    """To a wish that names no kind of answer: what the text opens with."""
    return _told(asked, 1)


# The first kind whose words stand in an instruction decides; without any it is a question or a plain wish.
_KINDS: tuple[tuple[re.Pattern[str], Callable[[Asked], str]], ...] = tuple(
    (re.compile(rf"\b(?:{said})\b"), answer)
    for said, answer in (
        (r"keywords?|key words|key terms|tags?|topics?|terms", _keywords),
        (r"titles?|headlines?|headings?", _title),
        (r"questions|quiz", _questions),
        (
            r"summar(?:y|ies|i[sz]e\w*)|tl;?dr|shorten|condense|gist|in (?:one|a|two|three) sentences?",
            _summary,
        ),
        (r"classify|categor\w+|sentiment|rate|rating|score|grade|choose|pick|which of|label", _choice),
        (r"list|bullets?|outline|steps|points|ideas|enumerate|examples|reasons", _list),
        (r"rewrite|rephrase|improve|edit|polish|correct|proofread|translate|merge|combine", _rewritten),
        (r"compare|contrast|differences?", _comparison),
        (r"write|draft|compose|article|essay|paragraph|story|poem|review", _draft),
        (r"yes or no|true or false|(?:(?<=^)|(?<=\. ))(?:is|are|does|do|can|should|was|has)(?= )", _verdict),
    )
)


@lru_cache(maxsize=1024)
def _kind(instruction: str) -> Callable[[Asked], str]:
    low = instruction.lower()
    for pattern, answer in _KINDS:
        if pattern.search(low):
            return answer
    return _answer if "?" in instruction else _plain


def plain_answer(asked: Asked) -> str:
    """An answer to the instruction that is made of the material's own words. Never empty."""
    return _kind(asked.instruction)(asked) or _topic(asked)
