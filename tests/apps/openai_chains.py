"""Chains that ask models of OpenAI."""

import gemchain

MODEL = "openai/gpt-4.1-mini"

ANSWER = {
    "type": "object",
    "properties": {"summary": {"type": "string"}, "keywords": {"type": "array", "items": {"type": "string"}}},
    "required": ["summary", "keywords"],
    "additionalProperties": False,
}

TEXT = "Whales breathe air. Whales sing songs in the deep ocean. Songs travel far."


def describe(text, model=MODEL):
    """Three levels: a summary, its keywords by a schema, a line."""
    gemchain.submit(f"Summarise in one sentence: {text}", model, pick, params={"model": model})


def pick(response, model):
    gemchain.submit(
        f"List the keywords: {response.text}",
        model,
        close,
        schema=ANSWER,
        system="Be short.",
        temperature=0.1,
    )


def close(response):
    return {"keywords": response.parsed["keywords"], "finish": response.finish_reason}


@gemchain.chain
async def described(text):
    """The same as an async chain."""
    summary = await gemchain.prompt(f"Summarise in one sentence: {text}", MODEL)
    keywords = await gemchain.prompt(f"List the keywords: {summary.text}", MODEL, schema=ANSWER)
    return keywords.parsed["keywords"]


def ask(number):
    gemchain.submit(f"What is {number} and {number}?", MODEL, tell, params={"number": number})


def tell(response, number):
    return f"{number}: {response.text}"


def refine(text, model=MODEL):
    """Two levels of free text."""
    gemchain.submit(f"Summarise in one sentence: {text}", model, again, params={"model": model})


def again(response, model):
    gemchain.submit(f"Say it in other words: {response.text}", model, twice)


def twice(response):
    return f"{response.text}, twice"
