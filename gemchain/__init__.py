"""Prompt chains as plain Python functions, run through the batch APIs of LLM providers at half the price.

import gemchain

def outline(topic: str) -> None:
    gemchain.submit(f"Outline an article on {topic}.", "simulated/echo", finish)

def finish(response: gemchain.Response) -> str:
    return response.text

chain = gemchain.start(outline, "batteries", key="article-17")
gemchain.run()
chain.result()
"""

from gemchain.api.chains import Chain, ChainStatus, PromptHandle, resume
from gemchain.api.embedding import embed
from gemchain.api.scope import Current, current
from gemchain.api.specs import GatherSpec, PromptSpec
from gemchain.api.starting import start, start_many
from gemchain.api.submission import gather, prompt, submit, submit_many, wait
from gemchain.base import moved
from gemchain.durable.frames import now, random, uuid
from gemchain.errors import (
    Abort,
    BlobError,
    ChainCancelledError,
    ChainError,
    ChainFailedError,
    ChainNotFoundError,
    ChainParkedError,
    ChainTimeoutError,
    ConfigurationError,
    ContinuationError,
    DivergedError,
    GemchainError,
    InvalidInputError,
    KeyInUseError,
    ModelError,
    ParamsError,
    ProviderError,
    RequestError,
    Retry,
    StoreError,
)
from gemchain.formats.response import PromptError, Response
from gemchain.functions.decorators import callback, chain
from gemchain.records.retry_policy import ChainDefaults
from gemchain.wiring import configure, run

__all__ = [
    "Abort",
    "BlobError",
    "Chain",
    "ChainCancelledError",
    "ChainDefaults",
    "ChainError",
    "ChainFailedError",
    "ChainNotFoundError",
    "ChainParkedError",
    "ChainStatus",
    "ChainTimeoutError",
    "ConfigurationError",
    "ContinuationError",
    "Current",
    "DivergedError",
    "GatherSpec",
    "GemchainError",
    "InvalidInputError",
    "KeyInUseError",
    "ModelError",
    "ParamsError",
    "PromptError",
    "PromptHandle",
    "PromptSpec",
    "ProviderError",
    "RequestError",
    "Response",
    "Retry",
    "StoreError",
    "callback",
    "chain",
    "configure",
    "current",
    "embed",
    "gather",
    "now",
    "prompt",
    "random",
    "resume",
    "run",
    "start",
    "start_many",
    "submit",
    "submit_many",
    "uuid",
    "wait",
]

__version__ = "0.1.0"

moved.install()
