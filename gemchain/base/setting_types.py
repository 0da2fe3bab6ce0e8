"""The types of the settings as keyword arguments of `gemchain.configure`."""

import os
from typing import Any, TypedDict

__all__ = ["SettingsOptions"]

Folder = str | os.PathLike[str]


class SettingsOptions(TypedDict, total=False):
    """The names and types of all settings; `gemchain.settings.Settings` says what they mean.

    `tests/typing/test_settings.py` compares the two. Texts are read as the setting's type, too; they are for
    the environment, and not for code.
    """

    state: Folder
    store: str
    blobs: str
    waker: str
    application: Folder
    program: str
    modules: str
    signing_key: str
    known_models: str
    allow_unknown_models: bool
    default_model: str
    lane: str
    direct_below: int
    escalate_after: float
    concurrency: int
    flush: float
    compat: str | dict[str, Any]
    max_attempts: int
    callback_attempts: int
    retry_delay: float
    retry_delay_max: float
    max_wait: float
    grace: float
    max_batch_requests: int
    max_batch_bytes: int
    max_running_batches: int
    part_bytes: int
    group: int
    lease: float
    poll: float
    poll_max: float
    sweep: float
    project: str
    location: str
    vertex_endpoint: str
    gemini_api_endpoint: str
    local_slots: int
    local_context: int
    anthropic_endpoint: str
    mistral_endpoint: str
    openai_webhook_secret: str
    gemini_webhook_secret: str
    push_secret: str
    push_audience: str
    push_account: str
    prices: Folder
    simulated_turnaround: float
    simulated_seed: int
    simulated_faults: str
