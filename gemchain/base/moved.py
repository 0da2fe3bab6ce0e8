"""Old module paths: `gemchain.submission` still imports, with a `DeprecationWarning` that names the new path.

Functions that were stored by value before the modules moved refer to the old paths too, so they load.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "install"]

MOVED = {
    "gemchain.answer_schema": "gemchain.formats.schema",
    "gemchain.application": "gemchain.functions.application",
    "gemchain.arguments": "gemchain.api.arguments",
    "gemchain.awaits": "gemchain.api.awaits",
    "gemchain.chains": "gemchain.api.chains",
    "gemchain.classes": "gemchain.functions.classes",
    "gemchain.clock": "gemchain.base.clock",
    "gemchain.closures": "gemchain.functions.closures",
    "gemchain.codec": "gemchain.records.codec",
    "gemchain.continuations": "gemchain.functions.continuations",
    "gemchain.drafting": "gemchain.api.validation",
    "gemchain.forks": "gemchain.api.forks",
    "gemchain.frames": "gemchain.durable.frames",
    "gemchain.frozen": "gemchain.records.frozen",
    "gemchain.generation": "gemchain.formats.gemini.compose",
    "gemchain.grouping": "gemchain.base.chunks",
    "gemchain.identity": "gemchain.records.identity",
    "gemchain.interventions": "gemchain.api.operations",
    "gemchain.journal": "gemchain.base.logs",
    "gemchain.jsontext": "gemchain.base.jsontext",
    "gemchain.marks": "gemchain.functions.decorators",
    "gemchain.prices": "gemchain.money.prices",
    "gemchain.raised": "gemchain.durable.exceptions",
    "gemchain.recording": "gemchain.api.recording",
    "gemchain.requests": "gemchain.formats.gemini.compose",
    "gemchain.responses": "gemchain.formats.response",
    "gemchain.rules": "gemchain.records.retry_policy",
    "gemchain.scope": "gemchain.api.scope",
    "gemchain.signatures": "gemchain.functions.signatures",
    "gemchain.specs": "gemchain.api.specs",
    "gemchain.starting": "gemchain.api.starting",
    "gemchain.states": "gemchain.records.states",
    "gemchain.submission": "gemchain.api.submission",
    "gemchain.values": "gemchain.durable.values",
}
"""Each old path of a module, and where it is now. Two that were merged into one share their new path."""


class _Finder:
    """Finds and loads old paths. It comes after all other finders, so it sees only what they did not find."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in MOVED:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type] # the base class costs 2 ms to import

    def create_module(self, spec: ModuleSpec) -> None:
        """An empty module; `exec_module` puts the one that moved in its place."""
        del spec

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        warnings.warn(f"{old} has moved to {MOVED[old]}", DeprecationWarning, stacklevel=2)
        sys.modules[old] = importlib.import_module(MOVED[old])


def install() -> None:
    """Let old paths be found from now on."""
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.append(_Finder())
