"""Write rows for the examples, as `python -m examples.rows functions > functions.jsonl`."""

import json
import sys

from examples.stdlib import functions, topics
from examples.stories import animals

SOURCES = {"functions": functions, "topics": topics, "animals": animals}


def main(arguments: list[str]) -> int:
    """Print the rows of a source as JSONL."""
    if len(arguments) != 1 or arguments[0] not in SOURCES:
        print(f"usage: python -m examples.rows {'|'.join(SOURCES)}", file=sys.stderr)
        return 2
    for row in SOURCES[arguments[0]]():
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
