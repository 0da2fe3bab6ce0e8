"""Chains that ask for embeddings, for tests."""

import math

import gemchain

MODEL = "simulated/embeddings"
GEMINI = "simulated/embeddings/gemini/small"
TEXTS = ["cats and dogs play", "dogs and cats sleep", "the price of steel rose"]


def nearness(one, other):
    """The cosine of two vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


@gemchain.chain
async def nearest(texts, model):
    """Which text is nearest to the first one, read from responses that a replay has kept."""
    first = await gemchain.embed(texts[0], model)
    others = await gemchain.embed(texts[1:], model)
    last = await gemchain.prompt("And now?", "simulated/gemini-3.5-flash-lite")
    near = [nearness(first.embedding, each.embedding) for each in others]
    return [1 + near.index(max(near)), len(first.embedding), bool(last.text)]


def begin(texts, model):
    gemchain.embed(texts, model, keep, params={"note": "kept"})


def begin_with_submit(text, model):
    gemchain.submit(text, model, keep, params={"note": "kept"}, kind="embed")


def keep(found, note):
    several = found if isinstance(found, list) else [found]
    return {"note": note, "vectors": [each.embedding for each in several]}


def begin_and_drop(text):
    gemchain.embed(text, MODEL)


def failed(error):
    return [error.reason, error.message]


def count(found):
    return len(found)


def begin_with_an_end(texts):
    gemchain.embed(texts, MODEL, count, on_error=failed, max_attempts=1)
