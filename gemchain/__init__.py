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

from gemchain.chains import Chain, ChainStatus, PromptHandle, resume
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
    ModelError,
    ParamsError,
    ProviderError,
    RequestError,
    Retry,
    StoreError,
)
from gemchain.frames import now, random, uuid
from gemchain.marks import callback, chain
from gemchain.responses import PromptError, Response
from gemchain.rules import ChainDefaults
from gemchain.scope import Current, current
from gemchain.specs import GatherSpec, PromptSpec
from gemchain.starting import start, start_many
from gemchain.submission import gather, prompt, submit, submit_many, wait
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
