"""Simulated models that speak the plain wire format, for tests that were written with Gemini's in mind."""

from contextlib import contextmanager
from unittest import mock

from gemchain.formats.gemini.format import GEMINI
from gemchain.providers import wired

_choose_provider = wired.choose_provider


@contextmanager
def spoken():
    """Every `simulated/…` model inside the block speaks the plain format."""
    with mock.patch.object(wired, "choose_provider", _choose_plain):
        yield


def _choose_plain(model, servers):
    name, inner = _choose_provider(model, servers)
    return name, f"plain/{inner}" if name == "simulated" else inner


def translated(responder):
    """A responder of plain requests that asks one of Gemini's requests."""
    if responder is None:
        return None

    def respond(request):
        said = responder({"contents": [{"role": "user", "parts": [{"text": request["text"]}]}]})
        return _plain_body(said) if isinstance(said, dict) else said

    return respond


def _plain_body(body):
    failure = GEMINI.judge(body)
    finish = {"blocked": "filter", "truncated": "length"}.get(failure.reason if failure else "", "stop")
    return {"text": GEMINI.text(body), "finish": finish, "why": failure.message if failure else ""}
