"""What gemchain remembers: records that never change, shared by every store. One module for each record.

JSON travels as text (`request`, `params`, `result`), so that a record is cheap to copy and a number never
changes its spelling on the way. Times are UTC-aware.
"""

from gemchain.records.batch import NO_ROWS, Batch, OutputFile, Part, RowCounts
from gemchain.records.chain import Chain, ChainMove
from gemchain.records.counters import Counters, Forgotten, Space, StepCount, step_name
from gemchain.records.failure import Failure
from gemchain.records.prompt import (
    EMBED,
    GENERATE,
    QUEUED,
    AnswerRef,
    Draft,
    InputRow,
    Move,
    Progress,
    Prompt,
)
from gemchain.records.queue import QueueStatus, checked_owner, queue_name, queue_names, queue_owner
from gemchain.records.run import Run
from gemchain.records.unit import Unit, Verdict
from gemchain.records.usage import NO_USAGE, Usage

__all__ = [
    "EMBED",
    "GENERATE",
    "NO_ROWS",
    "NO_USAGE",
    "QUEUED",
    "AnswerRef",
    "Batch",
    "Chain",
    "ChainMove",
    "Counters",
    "Draft",
    "Failure",
    "Forgotten",
    "InputRow",
    "Move",
    "OutputFile",
    "Part",
    "Progress",
    "Prompt",
    "QueueStatus",
    "RowCounts",
    "Run",
    "Space",
    "StepCount",
    "Unit",
    "Usage",
    "Verdict",
    "checked_owner",
    "queue_name",
    "queue_names",
    "queue_owner",
    "step_name",
]
