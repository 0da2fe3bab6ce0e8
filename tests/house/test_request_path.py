"""The way of a request through the modules, from `submit` to its record: as docs/architecture.md tells it."""

import sys
from itertools import groupby

import pytest

import gemchain
from gemchain.testing import embedded

PATH = ["api.submission", "api.specs", "api.recording", "api.validation", "formats.gemini.compose"]


class Trace:
    """The modules whose functions are called with the request, or with what describes it."""

    def __init__(self, request):
        self.request = request
        self.modules = []

    def __enter__(self):
        sys.setprofile(self._on_event)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _on_event(self, frame, event, _):
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("gemchain.") and self._is_given_it(frame):
            self.modules.append(module.removeprefix("gemchain."))

    def _is_given_it(self, frame):
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return any(self._holds(frame.f_locals.get(name)) for name in names)

    def _holds(self, value):
        if isinstance(value, list | tuple):
            return any(map(self._holds, value))
        return value is self.request or getattr(value, "request", None) is self.request


@pytest.mark.parametrize(
    "request_", ["A text, and no other.", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}]
)
def test_a_request_enters_five_modules_and_returns_to_none_that_it_left(tmp_path, request_):
    with embedded(tmp_path):
        gemchain.submit("loads what is loaded once", "simulated/echo")
        with Trace(request_) as trace:
            gemchain.submit(request_, "simulated/echo")
    assert [module for module, _ in groupby(trace.modules)] == PATH
