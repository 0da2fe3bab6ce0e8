"""The five ports. Their docstrings are the contract that every adapter passes.

The engine knows nothing else: a store for records, blobs for files, a provider for batch jobs,
a waker for hints to hurry, a clock. Nothing here imports an SDK.
"""

from gemchain.ports.blobs import BlobInfo, Blobs, BlobWriter
from gemchain.ports.clock import Clock
from gemchain.ports.provider import Job, JobState, Limits, Provider, Row
from gemchain.ports.store import Store
from gemchain.ports.waker import Waker

__all__ = [
    "BlobInfo",
    "BlobWriter",
    "Blobs",
    "Clock",
    "Job",
    "JobState",
    "Limits",
    "Provider",
    "Row",
    "Store",
    "Waker",
]
