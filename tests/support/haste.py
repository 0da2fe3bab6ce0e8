"""Settings for processes that are killed on a real clock: all is small and soon, and much goes wrong."""

FAULTS = (
    "failed=0.05,missing=0.05,malformed=0.03,empty=0.02,duplicated=0.1,nulls=0.3,keyless=0.3,unlabelled=0.3,"
    "expired=0.1,partial=0.1,cancelled=0.05,job_failed=0.1"
)
SETTINGS = {
    "lease": 0.5,
    "poll": 0.02,
    "sweep": 0.2,
    "grace": 0.02,
    "max_wait": 0.2,
    "retry_delay": 0.01,
    "retry_delay_max": 0.1,
    "max_attempts": 50,
    "max_batch_requests": 10,
    "part_bytes": 4_000,
    "group": 6,
    "simulated_turnaround": 0.05,
}
