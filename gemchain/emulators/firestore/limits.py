"""The limits of Firestore, Standard edition (https://docs.cloud.google.com/firestore/quotas).

Sizes are bytes, times are seconds.
"""

DOCUMENT_BYTES = 1_048_576
REQUEST_BYTES = 10_485_760
NAME_BYTES = 6_144
ID_BYTES = 1_500
FIELD_NAME_BYTES = 1_500
COLLECTION_DEPTH = 100
VALUE_DEPTH = 20

TRANSACTION_SECONDS = 270
TRANSACTION_IDLE_SECONDS = 60
HISTORY_SECONDS = 3_600
"""How long a `read_time` may lie back without point-in-time recovery."""

DISJUNCTIONS = 30
NOT_IN_VALUES = 10
AGGREGATIONS = 5
INDEX_ENTRIES_PER_READ = 1_000
"""An aggregation bills one read for each block of this many index entries."""
