"""Types of the checks: what a check finds, the setup that is wanted, and the project as it is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gemchain.cli.project.dotenv import DEFAULT, Places
from gemchain.cli.project.google_cloud import Cloud

__all__ = ["PUBLIC", "RESOURCE_MANAGER", "STAGES", "Finding", "Setup", "Site", "grants"]

STAGES = ("gemchainAssemble", "gemchainCollect", "gemchainDispatch", "gemchainSweep")
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v1"
PUBLIC = {"allUsers", "allAuthenticatedUsers"}
"""Members that stand for everybody, with or without a Google account."""


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        good: Whether all is well; None if it could not be checked, or if it is only a note.
        fix: The command that fixes the problem.
    """

    name: str
    good: bool | None
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """The setup that is wanted, from the codebase's own `.env` files."""

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
    """A project as it is; every request is sent once, and its answer kept.

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
        """All entries of a list, page after page."""
        token = ""
        while True:
            separator = "&" if "?" in url else "?"
            page = self.ask(f"{url}{separator}pageToken={token}" if token else url) or {}
            yield from page.get(key, [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    def functions(self) -> dict[str, dict[str, Any]]:
        """The deployed functions, by name."""
        parent = f"projects/{self.setup.project}/locations/-"
        url = f"https://cloudfunctions.googleapis.com/v2/{parent}/functions?pageSize=1000"
        return {each["name"].rpartition("/")[2]: each for each in self.pages(url, "functions")}

    def granted(self) -> set[tuple[str, str]]:
        """Pairs of role and member, for the whole project."""
        policy = self.ask(f"{RESOURCE_MANAGER}/projects/{self.setup.project}:getIamPolicy", post=True)
        return grants(policy)


def grants(policy: dict[str, Any] | None) -> set[tuple[str, str]]:
    """Pairs of role and member in a policy."""
    bindings = (policy or {}).get("bindings", [])
    return {(each["role"], member) for each in bindings for member in each.get("members", [])}
