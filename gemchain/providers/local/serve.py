"""The program of the server process: llama.cpp on loopback, for as long as anybody uses it.

It is started as a file by `servers`, whose crash story says how it ends. It imports nothing of gemchain, so
that it starts as quickly as it can. What llama.cpp writes goes where its standard error leads.
"""

import contextlib
import fcntl
import json
import os
import sys
from typing import Any, NoReturn

__all__ = ["OTHER_SERVES"]

OTHER_SERVES = 3
"""Exit code: another process serves this model already."""

CANNOT_SERVE = 1
"""Exit code: llama.cpp does not take the model."""

CACHE_MIB = 512
"""Memory for prompts of earlier requests; llama.cpp would take 8 GiB."""

ERRORS_ONLY = 1
"""How much llama.cpp writes: nothing for a request that goes well."""


def main(options: dict[str, Any]) -> NoReturn:
    """Load the model, say where it is served, and wait for the last user to go.

    The process ends in here, while llama.cpp's server still stands: its own end waits for requests that
    nobody wants any more, and sometimes for ever.

    Args:
        options: `users` and `server`: the lock files. `model`: its file. `key`: the secret that requests
            bear. `slots`, `context`, `threads`: as `servers.ModelServer` says. `ready`: a descriptor that
            is closed when the server is ready; it is for whoever started this process.
    """
    users = os.open(options["users"], os.O_RDWR | os.O_CLOEXEC)
    server = os.open(options["server"], os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(server, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _end(OTHER_SERVES)
    try:
        serving = _serve(options)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        _end(CANNOT_SERVE)
    address = {"url": serving.listening_address, "key": options["key"], "pid": os.getpid()}
    os.pwrite(server, json.dumps(address).encode(), 0)
    with contextlib.suppress(OSError):  # whoever started this may be gone
        os.write(options["ready"], b"ready\n")
    os.close(options["ready"])
    fcntl.flock(users, fcntl.LOCK_EX)  # waits until no user is left, and keeps new ones waiting
    os.ftruncate(server, 0)
    _end(0)


def _end(code: int) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)


def _serve(options: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = options["model"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [options["key"]]
    parameters.n_parallel = options["slots"]
    parameters.n_ctx = options["slots"] * options["context"]
    parameters.cpuparams.n_threads = options["threads"]
    parameters.use_jinja = True
    parameters.endpoint_metrics = True
    parameters.cache_ram_mib = CACHE_MIB
    parameters.warmup = False
    parameters.ui = False
    parameters.verbosity = ERRORS_ONLY
    return xllamacpp.Server(parameters)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
