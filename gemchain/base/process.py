"""The identity of a process as a text that can be stored, and whether that process is gone.

It names the machine (its boot, and the namespace of its process ids), the process id, and when the process
began, since ids are used again. Linux only: elsewhere there is no identity, and nobody is known to be gone.
"""

import os
from functools import cache
from hashlib import blake2b
from pathlib import Path

__all__ = ["is_gone", "this_process"]

_BOOT, _NAMESPACE = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
_STATE, _START = 0, 19
"""Fields of /proc/PID/stat behind the name of the process: its state, and when it began."""


def this_process() -> str | None:
    """The identity of this process; None where there is none."""
    machine, begun = _machine(), _began(os.getpid())
    return f"{machine}:{os.getpid()}:{begun}" if machine and begun else None


def is_gone(identity: str | None) -> bool:
    """Whether the process ran on this machine and has ended. False where that is not certain."""
    machine, _, rest = (identity or "").partition(":")
    pid, _, begun = rest.partition(":")
    return machine != "" and machine == _machine() and pid.isdecimal() and _began(int(pid)) != begun


@cache
def _machine() -> str | None:
    try:
        text = _BOOT.read_text(encoding="ascii") + _NAMESPACE.readlink().name
    except OSError:
        return None
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _began(pid: int) -> str | None:
    """When a process began, in the machine's ticks; None for one that is not there, or is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE] in {"Z", "X"} else fields[_START]
