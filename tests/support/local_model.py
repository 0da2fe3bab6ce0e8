"""The server of a real local model, and what it counts."""

import re
from contextlib import contextmanager
from urllib.request import Request, urlopen

from gemchain.providers.local.model_files import SMOLLM2, model_file
from gemchain.providers.local.servers import ModelServer

SLOTS, CONTEXT = 4, 1024
SETTINGS = {"local_slots": SLOTS, "local_context": CONTEXT}


@contextmanager
def held_server():
    """The server of SmolLM2 under these settings, which lives at least until the end of the block."""
    server = ModelServer(model_file(SMOLLM2), slots=SLOTS, context=CONTEXT)
    try:
        yield server, server.open()
    finally:
        server.close()


def counts(address):
    """The numbers that the server tells of itself, by name."""
    asked = Request(f"{address.url}/metrics", headers={"Authorization": f"Bearer {address.key}"})
    with urlopen(asked) as response:
        told = response.read().decode()
    return {name: float(number) for name, number in re.findall(r"^llamacpp:(\w+) (\S+)$", told, re.MULTILINE)}


def idle_counts(address):
    """The same, once it answers nothing any more: it ends by itself what nobody waits for."""
    while True:
        found = counts(address)
        if found["requests_processing"] == found["requests_deferred"] == 0:
            return found
