"""The stages as Cloud Functions for Firebase.

Import them by name into `functions/main.py`:

```python
from gemchain.firebase import gemchainAssemble, gemchainCollect, gemchainDispatch, gemchainSweep
```

```
function          runs                                does
gemchainAssemble  every minute                        assemble, launch
gemchainCollect   when a batch's output is written    collect, sooner than the sweep would
gemchainDispatch  as a task, one for each part        dispatch
                  and for each batch to look at       perform, or collect
gemchainSweep     every 5 minutes                     collect, sweep; finds what the others lost
```

Only Cloud Scheduler, Cloud Tasks and Eventarc may call them: Firebase deploys them as private functions.
Importing this module also configures gemchain to keep its records in Firestore and its files in Cloud
Storage, so that every other function of the codebase starts chains where the stages find them.

https://firebase.google.com/docs/functions/get-started?gen=2nd
"""

from datetime import datetime, timedelta
from typing import Any

import gemchain
from gemchain.errors import MissingExtraError

try:
    from firebase_functions import https_fn, logger, options, scheduler_fn, storage_fn, tasks_fn
    from firebase_functions.core import CloudEvent
except ImportError as error:
    raise MissingExtraError("gemchain on Firebase", "firebase") from error

from gemchain.configuration.sources import current_settings
from gemchain.firebase import parameters
from gemchain.runtime import Runtime, active, build_with
from gemchain.wiring import build

__all__ = ["gemchainAssemble", "gemchainCollect", "gemchainDispatch", "gemchainSweep"]

SWEEP_TIME = timedelta(minutes=4)
"""How long a sweep may begin new work, so that it ends before the next sweep starts."""

PERFORM_TIME = timedelta(minutes=5)
"""How long one task performs a batch of the lanes `direct` and `flex`, at most; the next task continues."""

RESERVE = 300
"""Seconds of a scheduled function that are kept for launching, and for work that has begun."""

ATTEMPTS = 10
"""Calls of one task, at most. If all fail, the sweep creates a new task for the part."""

_STAGE: dict[str, Any] = {
    "region": parameters.REGION,
    "memory": parameters.MEMORY,
    "secrets": [parameters.SIGNING_KEY],
    # One call at a time: a stage may need all the memory.
    "concurrency": 1,
    "labels": {"gemchain-version": gemchain.__version__.replace(".", "_")},  # for `gemchain doctor`
}


def _runtime() -> Runtime:
    """Records in the project's Firestore, files in its bucket, unless settings say otherwise."""
    settings, region = current_settings(), parameters.REGION.value
    return build(
        settings.changed(
            store=settings.store or f"firestore://{parameters.PROJECT.value}",
            blobs=settings.blobs or f"gs://{parameters.BUCKET.value}/{parameters.PREFIX.value}",
            waker=settings.waker or f"tasks://{region}/gemchainDispatch",
        )
    )


build_with(_runtime)


def _stop_at(runtime: Runtime) -> datetime:
    """When a scheduled function that begins now has to stop, so that its time limit never ends it."""
    limit: int = parameters.SCHEDULE_SECONDS.value
    return runtime.store.now() + timedelta(seconds=max(limit - RESERVE, limit / 2))


def _perform_until(runtime: Runtime) -> datetime:
    """When a task that performs a batch gives it back: well before the function's time limit."""
    return runtime.store.now() + min(PERFORM_TIME, timedelta(seconds=parameters.PART_SECONDS.value / 2))


@scheduler_fn.on_schedule(
    schedule="every 1 minutes", timeout_sec=parameters.SCHEDULE_SECONDS, max_instances=1, **_STAGE
)
def gemchainAssemble(event: scheduler_fn.ScheduledEvent) -> None:  # noqa: ARG001, N802
    """Put ready prompts into batches, and send the batches to their providers."""
    from gemchain.firebase.stages import assemble_and_launch

    runtime = active()
    for batch in assemble_and_launch(runtime, _stop_at(runtime)).batches:
        logger.info("gemchain: launched", batch=batch.id, state=batch.state, requests=batch.requests)


@storage_fn.on_object_finalized(
    bucket=parameters.BUCKET, timeout_sec=parameters.EVENT_SECONDS, max_instances=10, **_STAGE
)
def gemchainCollect(event: CloudEvent[storage_fn.StorageObjectData]) -> None:  # noqa: N802
    """Make parts of an output that was just written. Only a hint: the sweep polls every job anyway."""
    from gemchain.providers.output_files import batch_of_output

    if batch_of_output(event.data.name) is None:
        return
    from gemchain.firebase.stages import collect_hinted

    for batch in collect_hinted(active(), event.data.name).batches:
        logger.info("gemchain: collected", batch=batch.id, state=batch.state, parts=batch.parts)


@tasks_fn.on_task_dispatched(
    retry_config=options.RetryConfig(
        max_attempts=ATTEMPTS,
        min_backoff_seconds=parameters.RETRY_SECONDS,
        max_backoff_seconds=600,
        max_doublings=4,
    ),
    rate_limits=options.RateLimits(max_concurrent_dispatches=parameters.MAX_DISPATCHES),
    timeout_sec=parameters.PART_SECONDS,
    max_instances=parameters.MAX_DISPATCHES,
    **_STAGE,
)
def gemchainDispatch(request: https_fn.CallableRequest[dict[str, str]]) -> None:  # noqa: N802
    """Run the callbacks of one part, and commit their results; or look at a batch, where none is named.

    Raises:
        HttpsError: Another worker holds the part; the task queue tries again later.
    """
    from gemchain.firebase.stages import BusyError, dispatch_hinted, look_hinted

    runtime, batch_id = active(), request.data["batch"]
    if "part" not in request.data:
        for batch in look_hinted(runtime, batch_id, _perform_until(runtime)).batches:
            logger.info("gemchain: looked at", batch=batch.id, state=batch.state, parts=batch.parts)
        return
    try:
        part = dispatch_hinted(runtime, batch_id, request.data["part"])
    except BusyError as error:
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAVAILABLE, str(error)) from error
    if part is not None:
        logger.info("gemchain: dispatched", part=part.id, **part.counts._asdict())


@scheduler_fn.on_schedule(
    schedule="every 5 minutes", timeout_sec=parameters.SCHEDULE_SECONDS, max_instances=1, **_STAGE
)
def gemchainSweep(event: scheduler_fn.ScheduledEvent) -> None:  # noqa: ARG001, N802
    """Poll every job that is due, and find what a crash or a lost hint left unfinished."""
    from gemchain.firebase.stages import sweep_up

    runtime = active()
    moved = sweep_up(runtime, runtime.store.now() + SWEEP_TIME, _stop_at(runtime))
    for batch in moved.batches:
        logger.info("gemchain: collected by the sweep", batch=batch.id, state=batch.state)
    if moved.found:
        logger.info("gemchain: swept", found=moved.found)
