"""A chain of two prompts that tells when it is over."""

import threading

import gemchain

MODEL = "gemini-api/gemini-3.5-flash-lite"

finished = threading.Event()


def outline(topic):
    gemchain.submit(f"outline {topic}", MODEL, finish)


def short(topic):
    """A chain of one prompt."""
    gemchain.submit(f"a line on {topic}", MODEL, publish)


def finish(response):
    gemchain.submit(f"edit {response.text}", MODEL, publish)


def publish(response):
    finished.set()
    return response.text
