"""Chains for tests against the stand-ins of Anthropic and Mistral. The model is a default of the run."""

import gemchain


def ask(topic):
    gemchain.submit(f"Give one keyword: {topic}", None, follow, params={"topic": topic}, max_attempts=30)


def follow(response, topic):
    told = {"system": "Be short.", "max_output_tokens": 64}
    gemchain.submit(
        f"Summarise {topic} by {response.text}",
        None,
        finish,
        params={"topic": topic},
        max_attempts=30,
        **told,
    )


def finish(response, topic):
    return f"{topic}: {response.text}"


def judge(text, is_open):
    schema = {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}
    if is_open:
        schema |= {"additionalProperties": True}
    gemchain.submit(f"What kind of text is this? {text}", None, told, schema=schema)


def told(response):
    return response.parsed["kind"]
