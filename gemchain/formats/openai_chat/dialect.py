"""What differs between the services that speak chat completions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gemchain.formats.setting_kinds import Kind
from gemchain.ports import FileContent

__all__ = ["Dialect"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dialect:
    """How one service spells what all of them have.

    Attributes:
        name: The name of the format.
        service: What the service is called in messages.
        limit: The setting for the tokens of an answer.
        seed: The setting for the seed.
        settings: All settings that there are, by name: what stands beside `messages` in a request.
        file_part: The part of a message that carries a file; raises `RequestError` for a kind that the
            service does not read.
        part_problem: What is said against a part of a message; None where nothing is wrong.
        json_schema: A schema for the answer as `response_format` has it, without its name; raises
            `RequestError` for one that the service never takes.
        call_id: A name of a tool call that the service takes.
        roles: The roles of messages; empty takes any.
        open: Whether settings that are not known are sent all the same.
        flex: Whether the service has a tier of this name, which is a lane here.
        says_json: Whether a request for any JSON has to have the word in its messages.
        joined: Whether texts that follow each other are sent as one text.
        ends_with_user: Whether the last message has to be one that the model can answer.
    """

    name: str
    service: str
    limit: str
    seed: str
    settings: Mapping[str, Kind]
    file_part: Callable[[FileContent], dict[str, Any]]
    part_problem: Callable[[Mapping[str, Any]], str | None]
    json_schema: Callable[[Mapping[str, Any]], dict[str, Any]]
    call_id: Callable[[str], str]
    roles: tuple[str, ...] = ()
    open: bool = False
    flex: bool = False
    says_json: bool = False
    joined: bool = False
    ends_with_user: bool = False
