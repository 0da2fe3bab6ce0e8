"""Every setting, its default, and its name in the environment (`GEMCHAIN_` and the name in capitals)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from typing import Any

from gemchain.errors import ConfigurationError

__all__ = ["TABLES", "Settings"]

MIB = 1 << 20

TABLES = frozenset({"compat"})
"""Settings that are kept as JSON, and may be given as a dict."""

LEAST = {"concurrency": 1, "local_slots": 1}
"""Settings that cannot be 0: with it, nothing would ever be sent."""

WORDS = {"lane": ("", "batch", "flex", "direct", "auto")}
"""Settings that are one of some words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Times are in seconds, sizes in bytes.

    Attributes:
        state: Folder of the embedded engine: database, input and output files.
        store: Address of the store; empty for SQLite inside `state`.
        blobs: Address of the file storage; empty for a folder inside `state`.
        waker: Address of the task queue for parts; empty for the loop of this process.
        application: Folder whose modules may contain callbacks; empty for the current folder.
        program: Name under which this process starts chains, and whose chains it sends; empty for the name of
            the script that runs.
        modules: Names of more modules or packages that may contain callbacks, separated by commas.
        signing_key: Secret that signs continuations by value; a notebook's are signed without it, too.
        known_models: Names of models, separated by commas, that are known beside those with a price.
        allow_unknown_models: Whether models are taken whose names are not known (`1` or `true`): new ones.
        default_model: The model of prompts that name none; empty for none.
        lane: How prompts are sent that name no lane: `batch`, `flex`, `direct` or `auto`; empty for batches
            where the provider has them.
        direct_below: A queue of at most so many prompts, to which nothing more can be added, is sent in the
            direct lane and does not wait for a batch; 0 never.
        escalate_after: How long a batch may take before it is cancelled and what is not answered is sent in
            the next faster lane; 0 for ever.
        concurrency: Requests of one model that are on their way at the same time in the lanes `direct` and
            `flex`, at most.
        flush: How often answers of these lanes are written down.
        compat: Servers that speak OpenAI's API, as JSON: `{"NAME": {"url": …, "key_env": …}}`. In code and in
            a file it may be a dict or a table. `prices` of an entry are US dollars for a million tokens, as
            `{"input": …, "output": …}`.
        max_attempts: How often one prompt is sent before it fails.
        callback_attempts: How often one callback is run on one answer before the prompt fails.
        retry_delay: Backoff delay before the second attempt; it doubles with every further attempt.
        retry_delay_max: Longest backoff delay between attempts.
        max_wait: Longest time that a ready prompt waits while other work could still add to its batch.
        grace: Time without a submit after which a queue counts as complete.
        max_batch_requests: Prompts in a batch; the provider's own limit holds as well.
        max_batch_bytes: Bytes in a batch's input; the provider's own limit holds as well.
        max_running_batches: Batches of one model that run at the same time.
        part_bytes: Size of a part of an output.
        group: Prompts in one commit, at most; fewer with slow callbacks and at the end of a part.
        lease: How long a worker may go without renewing its lease before its work is taken over.
        poll: Shortest time between two polls of a job; grows with the job's age.
        poll_max: Longest time between two polls of a job.
        sweep: Time between two sweeps.
        project: Google Cloud project of Vertex AI; empty for the environment's or the credentials' own.
        location: Location of Vertex AI: `global`, `us`, `eu` or a region.
        vertex_endpoint: Address of a stand-in for Vertex AI, as `http://127.0.0.1:8890`; else empty.
        gemini_api_endpoint: Address of a stand-in for the Gemini API; else empty.
        local_slots: Requests that a local model answers at the same time; each takes memory for its context.
        local_context: Tokens of a request to a local model and its answer, at most.
        anthropic_endpoint: Address of a stand-in for Anthropic, or of a proxy; empty for that in
            ANTHROPIC_BASE_URL, else for the service.
        mistral_endpoint: Address of a stand-in for Mistral, or of a proxy; else empty.
        openai_webhook_secret: Signing secret of OpenAI's webhook, for `gemchain serve`; when empty, what
            OPENAI_WEBHOOK_SECRET says.
        gemini_webhook_secret: Signing secret of the Gemini API's webhook, for `gemchain serve`.
        push_secret: Secret that other callers of `gemchain serve` send; 16 characters at least.
        push_audience: Audience of the identity tokens that Pub/Sub or Eventarc send to `gemchain serve`.
        push_account: Service account that these tokens have to be of.
        prices: File of prices that are added to the built-in table; see `prices.toml`.
        simulated_turnaround: How long a simulated job takes.
        simulated_seed: Seed of all random choices of a simulated job.
        simulated_faults: Faults of simulated jobs, as `failed=0.1,blocked=0.05,missing=0.01`.
    """

    state: str = ".gemchain"
    store: str = ""
    blobs: str = ""
    waker: str = ""
    application: str = ""
    program: str = ""
    modules: str = ""
    signing_key: str = field(default="", repr=False)
    known_models: str = ""
    allow_unknown_models: bool = False
    default_model: str = ""
    lane: str = ""
    direct_below: int = 0
    escalate_after: float = 0.0
    concurrency: int = 64
    flush: float = 1.0
    compat: str = ""
    max_attempts: int = 3
    callback_attempts: int = 3
    retry_delay: float = 1.0
    retry_delay_max: float = 600.0
    max_wait: float = 300.0
    grace: float = 0.5
    max_batch_requests: int = 200_000
    max_batch_bytes: int = 1_000_000_000
    max_running_batches: int = 8
    part_bytes: int = 8 * MIB
    group: int = 10_000
    lease: float = 30.0
    poll: float = 1.0
    poll_max: float = 60.0
    sweep: float = 30.0
    project: str = ""
    location: str = "global"
    vertex_endpoint: str = ""
    gemini_api_endpoint: str = ""
    local_slots: int = 8
    local_context: int = 4096
    anthropic_endpoint: str = ""
    mistral_endpoint: str = ""
    openai_webhook_secret: str = field(default="", repr=False)
    gemini_webhook_secret: str = field(default="", repr=False)
    push_secret: str = field(default="", repr=False)
    push_audience: str = ""
    push_account: str = ""
    prices: str = ""
    simulated_turnaround: float = 0.0
    simulated_seed: int = 0
    simulated_faults: str = ""

    @classmethod
    def names(cls) -> list[str]:
        """The names of all settings."""
        return [each.name for each in fields(cls)]

    def changed(self, **changes: Any) -> "Settings":
        """These settings with some changed; text is read as the setting's type.

        Raises:
            ConfigurationError: An unknown setting, or a value out of range.
        """
        return replace(self, **{name: self._read(name, value) for name, value in changes.items()})

    def _read(self, name: str, value: Any) -> Any:
        if name not in self.names():
            from difflib import get_close_matches  # rarely needed, and 1 ms to import

            near = get_close_matches(name, self.names(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(self.names())}"
            raise ConfigurationError(f"no setting is called {name!r}{hint}")
        kind: Callable[[Any], Any] = type(getattr(self, name))
        if isinstance(value, dict) and name in TABLES:
            value = json.dumps(value)
        try:
            read = _as_bool(value) if kind is bool else kind(value)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"setting {name!r} takes {kind.__name__}, not {value!r}") from error
        if isinstance(read, float) and not isfinite(read):
            raise ConfigurationError(f"setting {name!r} takes a finite number, not {value!r}")
        if isinstance(read, int | float) and read < 0:
            raise ConfigurationError(f"setting {name!r} cannot be negative: {value!r}")
        if name in LEAST and read < LEAST[name]:
            raise ConfigurationError(f"setting {name!r} is at least {LEAST[name]}, not {value!r}")
        if name in WORDS and read not in WORDS[name]:
            words = ", ".join(repr(each) for each in WORDS[name] if each)
            raise ConfigurationError(f"setting {name!r} is one of {words}, or empty, not {value!r}")
        return read


_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True}
_BOOLEANS |= {"0": False, "false": False, "no": False, "off": False, "": False}


def _as_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(str(value).strip().lower())
    if found is None:
        raise ValueError(value)
    return found
