"""Models on this machine: the `Provider` port for `local/smollm2` and `local/PATH.gguf`.

There are no batch jobs: requests are sent one at a time to llama.cpp's server, which `servers` starts and
ends. The crash story is in `servers` for the server, and in `run` for requests.
"""

import threading
from pathlib import Path
from typing import Any

import orjson

from gemchain.errors import ModelError, ProviderRejectedError, RequestError
from gemchain.formats.openai_chat.format import OPENAI_COMPAT
from gemchain.ports import Capabilities, DirectRun, FileContent, Format, Job, Limits, Row
from gemchain.providers.capabilities import TABLE
from gemchain.providers.direct import DirectLane, Endpoint, FixedHeaders
from gemchain.providers.local.defaults import with_defaults
from gemchain.providers.local.keeper import ServerKeeper
from gemchain.providers.local.model_files import model_file
from gemchain.providers.local.run import LocalRun
from gemchain.providers.local.servers import Address, ModelServer, check_installed
from gemchain.records import Batch, InputRow

__all__ = ["CONTEXT", "LIMITS", "SLOTS", "LocalProvider"]

LIMITS = Limits(max_requests=200_000, max_bytes=1_000_000_000, max_request_bytes=20_000_000)
"""No service sets any: they keep a batch's file small enough to be handled."""
