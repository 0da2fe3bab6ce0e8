"""The settings that the policy looks at, cut down to what a queue's provider takes."""

from datetime import timedelta

from gemchain.engine.policy.policy import FlushLimits
from gemchain.records import queue_names
from gemchain.runtime import Runtime

__all__ = ["LINE", "rules"]

LINE = 256
"""Bytes that an input line adds to its request, at most."""


def rules(runtime: Runtime, queue: str) -> FlushLimits:
    """The settings, cut down to what the queue's provider takes."""
    settings, limits = runtime.settings, runtime.providers.named(queue_names(queue)[1]).limits
    # One request more than asked for may be claimed; the provider's own limit must hold all the same.
    max_bytes = min(settings.max_batch_bytes, limits.max_bytes - limits.max_request_bytes)
    return FlushLimits(
        # However narrow the settings, a batch has room for one request, or the queue would stand for ever.
        max_requests=max(1, min(settings.max_batch_requests, limits.max_requests)),
        max_bytes=max(2 * LINE, max_bytes),
        max_running=settings.max_running_batches,
        max_wait=timedelta(seconds=settings.max_wait),
        grace=timedelta(seconds=settings.grace),
    )
