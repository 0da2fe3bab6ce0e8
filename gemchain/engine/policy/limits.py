"""The settings that the policy looks at, cut down to what a queue's provider takes."""

from datetime import timedelta

from gemchain.engine.policy.policy import FlushLimits
from gemchain.records import queue_names
from gemchain.records.lanes import is_own, split
from gemchain.runtime import Runtime

__all__ = ["LINE", "rules"]

LINE = 256
"""Bytes that an input line adds to its request, at most."""


OWN_MOST = 10_000
"""Requests in a batch that we send ourselves: many of them share the same limits, and it fits into memory."""


def rules(runtime: Runtime, queue: str) -> FlushLimits:
    """The settings, cut down to what the queue's provider takes.

    A queue of the lanes in which we send single requests waits for no company.
    """
    lane, provider, _ = queue_names(queue)
    settings, limits = runtime.settings, runtime.providers.named(provider).limits
    own = is_own(split(lane)[0])
    # One request more than asked for may be claimed; the provider's own limit must hold all the same.
    max_bytes = min(settings.max_batch_bytes, limits.max_bytes - limits.max_request_bytes)
    return FlushLimits(
        # However narrow the settings, a batch has room for one request, or the queue would stand for ever.
        max_requests=max(1, min(settings.max_batch_requests, OWN_MOST if own else limits.max_requests)),
        max_bytes=max(2 * LINE, max_bytes),
        max_running=settings.max_running_batches,
        max_wait=timedelta(seconds=0 if own else settings.max_wait),
        grace=timedelta(seconds=settings.grace),
    )
