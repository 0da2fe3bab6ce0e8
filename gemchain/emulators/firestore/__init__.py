"""A Firestore server in memory, for offline development and tests.

It speaks gRPC (`google.firestore.v1.Firestore`) and keeps the documented promises of the service:
atomic commits with preconditions and transforms, serializable transactions, the whole query
language of the Standard edition, limits, and a count of what the bill would say.

```
python -m gemchain.emulators.firestore --port 8080
```

Read the files in this order: `server` (ports), `service` (one method per RPC), `database` (documents,
versions, commits), `transactions` and `line` (isolation), `queries`, `planner` and `search` (reading), then
the leaves: `writes`, `transforms`, `values`, `ordering`, `sizes`, `paths`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gemchain.emulators.firestore.counters import Counters
    from gemchain.emulators.firestore.faults import Faults
    from gemchain.emulators.firestore.server import FirestoreEmulator

__all__ = ["Counters", "Faults", "FirestoreEmulator"]

_HOMES = {"Counters": "counters", "Faults": "faults", "FirestoreEmulator": "server"}


def __getattr__(name: str) -> object:
    # On demand, so that `python -m` can say in one line that the extra is not installed.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
