"""`gemchain serve`: notifications are taken over HTTP, and the engine is driven beside it.

The crash stories are those of `gemchain.serve.routes` and `gemchain.serve.server`.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gemchain.cli.state.opening import configured, environment
from gemchain.display.console import PlainConsole
from gemchain.runtime import Runtime
from gemchain.serve.keys import Keys
from gemchain.serve.routes import HEALTH, Pushes
from gemchain.serve.server import Serving, listen

__all__ = ["ServeOptions", "serve_pushes"]


class ServeOptions(NamedTuple):
    """The options of the command line.

    Attributes:
        work: Whether this process drives the engine.
        application: The folder of the functions; None for the current one.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    work: bool = True
    application: Path | None = None
    state: str | None = None
    as_json: bool = False


def serve_pushes(options: ServeOptions) -> None:
    """Serve until Ctrl-C.

    Raises:
        ConfigurationError: A secret cannot be right, the port is in use, or a package is missing.
        StoreError: The store failed for good.
    """
    with environment(options.state, options.application):
        runtime = configured(options.state)
        if options.work:
            sys.path.insert(0, str(Path(runtime.settings.application or Path.cwd()).resolve()))
        serving = Serving(runtime, Keys.of(runtime.settings, os.environ), work=options.work)
        listening = listen(options.host, options.port)
        url = _url(options.host, listening)
        console = PlainConsole(stderr=options.as_json, highlight=False, soft_wrap=True, markup=False)

        def ready() -> None:
            if options.as_json:
                print(orjson.dumps(_as_data(url, serving.pushes, runtime)).decode(), flush=True)
            else:
                console.print(_welcome(url, serving.pushes, runtime, work=options.work))

        serving.run(listening, ready)
        console.print("Stopped.")


def _url(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _welcome(url: str, pushes: Pushes, runtime: Runtime, *, work: bool) -> str:
    lines = [f"Serving on {url}"]
    for route in pushes.routes:
        state = f"off: set {route.lacks}" if route.lacks else f"on, for {route.told}"
        lines.append(f"  POST {route.path:24} {state}")
    lines.append(f"  GET  {HEALTH:24} on")
    place = runtime.settings.store or runtime.settings.state
    lines.append(
        f"This process also does the work of everybody in {place} (--no-work leaves it to others)."
        if work
        else f"No work is done here: other processes have to work on {place}."
    )
    lines.append("Stop with Ctrl-C; nothing is lost.")
    return "\n".join(lines)


def _as_data(url: str, pushes: Pushes, runtime: Runtime) -> dict[str, Any]:
    return {
        "url": url,
        "state": runtime.settings.store or runtime.settings.state,
        "on": [route.path for route in pushes.routes if not route.lacks],
        "off": {route.path: route.lacks for route in pushes.routes if route.lacks},
    }
