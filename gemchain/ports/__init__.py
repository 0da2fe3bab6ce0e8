"""The ports. Their docstrings are the contract that every adapter passes.

The engine knows nothing else: a store for records, blobs for files, a provider for batch jobs, a format for
requests and answers, a waker for hints to hurry, a clock. Nothing here imports an SDK.
"""

from gemchain.ports.blobs import BlobInfo, Blobs, BlobWriter
from gemchain.ports.clock import Clock
from gemchain.ports.direct import DirectRun
from gemchain.ports.format import (
    NO_OPTIONS,
    Attach,
    Composed,
    EmbeddingFormat,
    FileContent,
    Format,
    Options,
    TokenCounts,
    ToolCall,
)
from gemchain.ports.provider import Capabilities, Job, JobState, Limits, Provider, Row
from gemchain.ports.store import Store
from gemchain.ports.waker import Waker

__all__ = [
    "NO_OPTIONS",
    "Attach",
    "BlobInfo",
    "BlobWriter",
    "Blobs",
    "Capabilities",
    "Clock",
    "Composed",
    "DirectRun",
    "EmbeddingFormat",
    "FileContent",
    "Format",
    "Job",
    "JobState",
    "Limits",
    "Options",
    "Provider",
    "Row",
    "Store",
    "TokenCounts",
    "ToolCall",
    "Waker",
]
