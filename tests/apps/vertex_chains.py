"""Chains for tests against the Vertex stand-in."""

import gemchain

MODEL = "gemini-3.5-flash-lite"


def ask(topic):
    gemchain.submit(f"Give one keyword: {topic}", MODEL, follow, params={"topic": topic}, max_attempts=20)


def follow(response, topic):
    request = {
        "contents": [{"role": "user", "parts": [{"text": f"Summarise {topic} by {response.text}"}]}],
        "generation_config": {"max_output_tokens": 64},
        "labels": {"topic": topic},
    }
    gemchain.submit(request, MODEL, finish, params={"topic": topic}, max_attempts=20)


def finish(response, topic):
    return f"{topic}: {response.text}"
