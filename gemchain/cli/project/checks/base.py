"""What every check has: whom to ask, what is meant to be there, and how it says what it found."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gemchain.cli.project.cloud import Cloud
from gemchain.cli.project.dotenv import DEFAULT, Places

__all__ = ["PEOPLE", "PUBLIC", "STAGES", "Finding", "Setup", "Site", "grants"]

STAGES = ("gemchainAssemble", "gemchainCollect", "gemchainDispatch", "gemchainSweep")
PEOPLE = "https://cloudresourcemanager.googleapis.com/v1"
PUBLIC = {"allUsers", "allAuthenticatedUsers"}
"""The whole world, with or without a Google account."""


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        good: Whether all is well; None where it could not be looked, or where it is only to be known.
        mend: The command that mends it.
    """

    name: str
    good: bool | None
    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is meant to be there, by the codebase's own `.env`."""

    project: str
    bucket: str
    region: str
    vertex_location: str = "global"
    database: str = "(default)"
    places: Places = DEFAULT
    max_dispatches: int = 20
    max_running_batches: int = 8


@dataclass(frozen=True, slots=True)
class Site:
    """A project as it stands, asked no question twice.

    Attributes:
        number: The project's number.
    """

    cloud: Cloud
    setup: Setup
    number: str
    _answers: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def ask(self, url: str, *, post: bool = False) -> dict[str, Any] | None:
        """See `Cloud.ask`."""
        if url not in self._answers:
            self._answers[url] = self.cloud.ask(url, post=post)
        return self._answers[url]

    def pages(self, url: str, key: str) -> Iterator[dict[str, Any]]:
        """Everything that a list holds, page after page."""
        token = ""
        while True:
            joint = "&" if "?" in url else "?"
            page = self.ask(f"{url}{joint}pageToken={token}" if token else url) or {}
            yield from page.get(key, [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    def functions(self) -> dict[str, dict[str, Any]]:
        """What is deployed, by name."""
        parent = f"projects/{self.setup.project}/locations/-"
        url = f"https://cloudfunctions.googleapis.com/v2/{parent}/functions?pageSize=1000"
        return {each["name"].rpartition("/")[2]: each for each in self.pages(url, "functions")}

    def granted(self) -> set[tuple[str, str]]:
        """Roles on the whole project, each with one who has it."""
        policy = self.ask(f"{PEOPLE}/projects/{self.setup.project}:getIamPolicy", post=True)
        return grants(policy)


def grants(policy: dict[str, Any] | None) -> set[tuple[str, str]]:
    """Pairs of role and member."""
    bindings = (policy or {}).get("bindings", [])
    return {(each["role"], member) for each in bindings for member in each.get("members", [])}
