"""Vertex AI's batch prediction for Gemini, without a model: offline development and tests.

It serves the REST paths of `batchPredictionJobs` (v1 and v1beta1), reads the input from Cloud Storage or an
emulator of it (`STORAGE_EMULATOR_HOST`), takes each job through its states on a clock that tests control, and
writes the output as Vertex does. The answers are simulated, and say so.

```
python -m gemchain.emulators.vertex --port 8890
export GEMCHAIN_VERTEX_ENDPOINT=http://127.0.0.1:8890
```

Read the files in this order: `server` (HTTP), `service` (what each call does), `jobs` (a job and its states),
then the leaves: `listing`, `refusals`, `faults`, `storage`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gemchain.emulators.vertex.server import VertexEmulator

__all__ = ["VertexEmulator"]

_HOMES = {"VertexEmulator": "server"}


def __getattr__(name: str) -> object:
    # On demand, so that `python -m` can say in one line what is not installed.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
