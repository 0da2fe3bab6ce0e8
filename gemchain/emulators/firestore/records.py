"""Documents over time: every name has a record, every record a chain of versions."""

from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.paths import NameKey

__all__ = ["Record", "Version"]


class Version:
    """One state of a document, never changed once it is stored.

    Attributes:
        document: The document with its times, or None while it does not exist.
        at_us: When this state began.
        previous: The state before, None where history was cut.
    """

    __slots__ = ("at_us", "document", "previous")

    def __init__(self, document: Message | None, at_us: int, previous: "Version | None") -> None:
        self.document = document
        self.at_us = at_us
        self.previous = previous


NEVER = Version(None, 0, None)


class Record:
    """Everything known of one document name.

    Attributes:
        name: The resource name.
        key: The path below `documents`, which is its order among names.
        head: The newest version.
    """

    __slots__ = ("head", "key", "name")

    def __init__(self, name: str, key: NameKey) -> None:
        self.name = name
        self.key = key
        self.head = NEVER

    def at(self, time_us: int) -> Version:
        """The version that stood at a time."""
        version = self.head
        while version.at_us > time_us:
            if version.previous is None:
                return NEVER
            version = version.previous
        return version

    def push(self, document: Message | None, at_us: int, horizon_us: int) -> None:
        """Add a newest version and forget those that ended before `horizon_us`."""
        if self.head.at_us < horizon_us:
            self.head.previous = None
        self.head = Version(document, at_us, self.head)
