"""How much the tests of security try, and what they try with.

`make fuzz` sets FUZZ to how many times more; then every run tries something new.
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

MORE = int(os.environ.get("FUZZ", "0"))


def fuzz(examples):
    """So many examples in every run of the tests, always the same ones; many more in a long run."""
    return settings(
        max_examples=examples * max(1, MORE),
        derandomize=not MORE,
        phases=[Phase.explicit, Phase.generate],  # an example is a whole run: too slow to shrink
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


FOREIGN_NAMES = (
    "os:system",
    "builtins:eval",
    "builtins:exec",
    "subprocess:run",
    "pickle:loads",
    "importlib:import_module",
    "gemchain.api.starting:start",
    "gemchain.wiring:configure",
    "gemchain.functions.continuations:callback",
    "site:main",
    "this:s",
    "antigravity:geohash",
    "pytest:main",
    "__main__:main",
    "tests.apps.guarded:os.system",
    "tests.apps.guarded:os",
    "tests.apps.guarded:Path",
    "tests.apps.guarded:Holder",
    "tests.apps.guarded:Holder.method",
    "tests.apps.guarded:canary",
    "tests.apps.guarded:gemchain",
    "tests.apps.guarded:__builtins__",
    "tests.apps.guarded:__loader__",
    "tests.apps.guarded:plain.__globals__",
    "tests.apps.guarded:",
    "tests.apps.guarded:ﬁnish",
    "tests.apps.gu\u0430rded:finish",
    "tests.apps..guarded:finish",
    ".tests.apps.guarded:finish",
    "../tests/apps/guarded:finish",
    "/etc/passwd:x",
    "tests.apps.guarded:finish\n",
    " tests.apps.guarded:finish",
    "tests.apps.guarded@1:finish",
    "os:system@1",
    "value:<lambda>",
    "value:",
    ":",
    "",
    "a" * 5_000 + ":b",
)
"""Names of functions that no record may make anybody run."""

FOREIGN_PLACES = (
    "file:///etc/passwd",
    "file:///etc/../etc/passwd",
    "file://../../etc/passwd",
    "file:///proc/self/environ",
    "/etc/passwd",
    "../../../../etc/passwd",
    "gs://somebody-else/secret",
    "gs://bucket/../other/x",
    "http://127.0.0.1:1/x",
    "file:///tmp/\0/x",
    "file:///tmp/%00/x",
    "file:///tmp/%2e%2e/%2e%2e/etc/passwd",
    "\\\\host\\share",
    "",
)
"""Addresses that lie outside of every state folder and bucket."""

NESTED = '{"a":' * 2_000 + "1" + "}" * 2_000
JSON_TEXTS = (
    "{",
    "[]",
    "null",
    "5",
    '"x"',
    "NaN",
    "1e999",
    "9" * 5_000,
    NESTED,
    "[" * 300 + "]" * 300,
    '{"__proto__":{"a":1},"__class__":"x","__init__":{}}',
    '{"args":[],"params":{"__class__":1}}',
    '{"reason":5,"message":[],"retryable":"x"}',
    '{"response":{},"model":5,"prompt":[],"schema":"{"}',
    '{"error":{"reason":"raised","message":"KeyError: ' + "(" * 900 + '"},"prompt":1}',
    '{"error":{"reason":"raised","message":"SystemExit: 3"},"prompt":"p"}',
    '{"branches":-1}',
    '{"branches":1e9,"return_exceptions":7}',
    '{"type":"string","pattern":"("}',
    '{"$ref":"file:///etc/passwd"}',
    '{"$ref":"http://127.0.0.1:1/x"}',
    '{"x-gemchain-model":"os:system"}',
    '{"x-gemchain-model":"tests.apps.guarded:Holder"}',
    '{"callback":"x","mac":5}',
    '{"backoff":[1e308,null],"chain":{}}',
    '{"backoff":null,"chain":{"retry_if":"os:system","max_attempts":true}}',
    '{"contents":[]},"key":"p1"},"x":{"a":1}',
)
WORDS = (
    *FOREIGN_NAMES,
    *FOREIGN_PLACES,
    *JSON_TEXTS,
    *("QUEUED", "CLAIMED", "ANSWERED", "DONE", "PARKED", "WAITING", "RUNNING", "SENT", "ARRIVED", "done"),
    *("join", "wait", "chain", "generate", "value", "batch/simulated:echo", "batch/nobody:x", "x/y"),
    *("0.1.2", "1..2", "a.b", "\U0001f4a5"),
    "' OR 1=1 --",
    "`; DROP TABLE prompts; --",
    "\x1b]0;title\x07\x1b[2J",
    "x" * 100_000,
    "\0",
)  # fmt: skip

NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2**31, 2**53, 2**63 - 1, -(2**63), 1 << 40]),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.5, 1e308, -1e308, 5e-324, float("inf"), float("-inf")]),
)
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=30))
