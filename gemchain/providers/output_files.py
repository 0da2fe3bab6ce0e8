"""Where the files of a batch lie, as names within the file storage.

`batches/<batch>/input-….jsonl` goes in, `batches/<batch>/output/…/predictions.jsonl` comes out.
"""

import re

__all__ = ["batch_of_output", "is_output", "output_folder"]

_OUTPUT = re.compile(r"(?:^|/)batches/(b[0-9a-f]+)/output/(?:.+/)?([^/]+)$")
# Vertex writes `incremental_predictions…` beside it while the job runs, and other clients report shards named
# `predictions.jsonl-00000-of-00003`.
_FILE = re.compile(r"predictions(?:[-_]\d+)?\.jsonl(?:-\d+-of-\d+)?$")


def output_folder(batch_id: str) -> str:
    """Where everything that comes back for a batch is written."""
    return f"batches/{batch_id}/output"


def is_output(name: str) -> bool:
    """Whether an object of an output folder is a part of the final output."""
    return _FILE.match(name.rpartition("/")[2]) is not None


def batch_of_output(name: str) -> str | None:
    """The batch whose final output an object is, by its name or address; None when it is none.

    For events that tell nothing but an object's name.
    """
    found = _OUTPUT.search(name)
    return found.group(1) if found and is_output(name) else None
