"""Handlers as a codebase of gembatch has them."""

from gemchain.compat import gembatch

MODEL = "simulated/old"
heard = []


def begin(question):
    return gembatch.submit(
        {"contents": [{"role": "user", "parts": [{"text": question}]}]}, MODEL, first, {"question": question}
    )


def first(response, question):
    heard.append((question, response.text))
    gembatch.submit({"contents": [{"role": "user", "parts": [{"text": response.text}]}]}, MODEL, last)


def last(response):
    heard.append(("last", response.text))
