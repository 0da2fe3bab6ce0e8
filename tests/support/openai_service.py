"""OpenAI's provider through the official SDK, and the local server that it asks."""

from contextlib import contextmanager

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.providers.openai import OpenAIProvider
from gemchain.records.identity import job_name
from tests.contracts.provider_contract import TURNAROUND, Service

MODEL = "gpt-4.1-mini"


@contextmanager
def served(folder, clock):
    """The service as the contract wants it, and the server behind it."""
    blobs = LocalBlobs(folder / "files")
    with OpenAIEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        provider = OpenAIProvider(blobs, key="emulated", endpoint=emulator.url)

        def jobs_named(display):
            return sum(job_name(batch.metadata["gemchain"]) == display for batch in emulator.batches())

        yield Service(provider, blobs, clock, emulator.set_faults, jobs_named, MODEL), emulator
        provider.close()
