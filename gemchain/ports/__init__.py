"""The ports. Their docstrings are the contract that every adapter passes.

The engine knows nothing else: a store for records, blobs for files, a provider for batch jobs, a format for
requests and answers, a waker for hints to hurry, a clock. Nothing here imports an SDK.
"""

from gemchain.ports.blobs import BlobInfo, Blobs, BlobWriter
from gemchain.ports.clock import Clock
from gemchain.ports.format import Attach, Composed, FileContent, Format, TokenCounts, ToolCall
from gemchain.ports.provider import Job, JobState, Limits, Provider, Row
from gemchain.ports.store import Store
from gemchain.ports.waker import Waker

__all__ = [
    "Attach",
    "BlobInfo",
    "BlobWriter",
    "Blobs",
    "Clock",
    "Composed",
    "FileContent",
    "Format",
    "Job",
    "JobState",
    "Limits",
    "Provider",
    "Row",
    "Store",
    "TokenCounts",
    "ToolCall",
    "Waker",
]
