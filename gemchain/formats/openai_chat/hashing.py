"""The canonical hash of a chat completion's request.

No service of this format echoes requests, so the hash has to see only what a request means: the order of
fields, unset fields, and what the provider adds when it sends (the model, the lane's tier) change nothing.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

__all__ = ["echo_hash"]

ADDED = frozenset({"model", "service_tier", "stream"})
_LARGEST = 2**53


def echo_hash(request: Mapping[str, Any]) -> str:
    """See `Format.echo_hash`; 32 hexadecimal digits."""
    plain = {
        name: _plain(value) for name, value in request.items() if name not in ADDED and value is not None
    }
    return blake2b(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """1 and 1.0 are the same number in JSON."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if type(value) is float and value.is_integer() and abs(value) < _LARGEST:
        return int(value)
    return value
