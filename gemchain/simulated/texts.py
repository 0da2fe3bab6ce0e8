"""Reading a text without a model: its sentences, its keywords, what it asks for.

Plain counting, the same on every machine. It looks at the beginning of a text only, so that the time for an
answer does not grow with the prompt.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "Asked",
    "keywords",
    "number_in",
    "opening",
    "sentences",
    "split_request",
    "telling",
    "tidy",
    "words",
]

MOST_READ = 700
"""Characters of the material that are looked at."""

MOST_COUNTED = 500
"""Characters of the material whose words are counted."""

MOST_COMPARED = 8
"""Sentences among which the most telling ones are looked for, unless more are asked for."""

MOST_ASKED = 300
"""Characters of an instruction that are looked at."""

_ASCII_WORD = re.compile(r"[a-z]{4,}")
_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBERED = re.compile(r"(?:^|\n)[ \t]*\d{1,3}[.)][ \t]+")
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(
    r"\b(?:(\d{1,3})|(one|an?|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty))\b(?!\s*(?:words?|char))"
)
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "twelve": 12, "twenty": 20,
}  # fmt: skip
COMMON = frozenset(
    """
    about above after again against also although always among another anything around because been
    before being below between both cannot could default does doing down during each either else
    every everything false from further given gives have having here hers herself himself however
    instead into itself just keep less like made make makes many might more most much must myself
    need needs neither never none nothing once only onto optional other otherwise ours over perhaps
    rather return returned returns same self shall should since some something still such take than
    that their them themselves then there therefore these they thing this those through thus
    together toward true under unless until upon used uses using usually very want well were what
    when where whether which while whose will with within without would your yours
    """.split()  # noqa: SIM905 -- one word on each line would be pages
)


class Asked(NamedTuple):
    """A prompt taken apart: what it asks for, and the text that it asks about."""

    instruction: str
    material: str


def split_request(text: str) -> Asked:
    """Part the instruction from the material.

    They are parted by the first blank line or by a colon; a prompt without either is all instruction,
    and is its own material.
    """
    text = text[: MOST_ASKED + MOST_READ].strip()
    for mark in ("\n\n", ":\n", ": ", "\n"):
        head, found, tail = text.partition(mark)
        if found and tail and len(head) <= MOST_ASKED:
            return Asked(head, tail[:MOST_READ])
    return Asked(text[:MOST_ASKED], text[:MOST_READ])


def tidy(text: str) -> str:
    """One line, single spaces, no list marks in front."""
    return _SPACE.sub(" ", text).strip(" \t\n-*•>#`\"'")


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line; list items count as sentences, examples of code do not."""
    if "\n" in text:
        # Plain replacements split several times faster than a regular expression does.
        text = text.replace(".\n", ".\0").replace("\n\n", "\0").replace("\n- ", "\0").replace("\n* ", "\0")
        if "2. " in text or "2) " in text:
            text = _NUMBERED.sub("\0", text)
    text = text.replace(". ", ".\0").replace("? ", "?\0").replace("! ", "!\0")
    found = [" ".join(each.split()) for each in text.split("\0")]
    told = [each for each in found if len(each) > 3 and ">>>" not in each]  # noqa: PLR2004 -- shorter is a number
    return told or [each for each in found if each]


def words(text: str) -> list[str]:
    """The words of a text that carry meaning, in lowercase and in their order."""
    text = text[:MOST_COUNTED].lower()
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return [word for word in pattern.findall(text) if word not in COMMON]


def keywords(text: str, count: int) -> list[str]:
    """The words that the text uses most, earlier ones first among equals."""
    counts = Counter(words(text))
    return sorted(counts, key=counts.__getitem__, reverse=True)[:count]


def opening(found: Sequence[str]) -> str:
    """The first sentence that says something."""
    for each in found:
        if len(each) > 24 and " " in each:  # noqa: PLR2004 -- a headline, not a sentence
            return each
    return found[0] if found else ""


def telling(found: Sequence[str], about: Sequence[str], count: int) -> list[str]:
    """The `count` sentences that name most of the words in `about`, in the text's order.

    The first sentence of a text usually tells most, so it has a head start.
    """
    if len(found) <= count:
        return list(found)
    looked_at = found[: max(MOST_COMPARED, count)]
    scores = [[word in low for word in about].count(True) for low in map(str.lower, looked_at)]
    scores[0] += 2
    best = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:count]
    return [found[place] for place in sorted(best)]


def number_in(instruction: str, otherwise: int, *, most: int = 20) -> int:
    """The first number that an instruction names, in digits or as a word; not one that counts words."""
    found = _NUMBER.search(instruction.lower())
    if found is None:
        return otherwise
    number = int(found.group(1)) if found.group(1) else _NUMBERS[found.group(2)]
    return min(max(number, 1), most)
