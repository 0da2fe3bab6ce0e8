"""Reading a form with a file, as it is uploaded.

https://www.rfc-editor.org/rfc/rfc7578
"""

from email.message import Message
from typing import NamedTuple

from gemchain.emulators.openai.refusals import invalid

__all__ = ["Field", "form"]


class Field(NamedTuple):
    """One field of a form; `filename` is empty for one that is no file."""

    filename: str
    data: bytes


def form(content_type: str, body: bytes) -> dict[str, Field]:
    """The fields by name.

    Raises:
        Refusal: It is no form.
    """
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise invalid("The request must be multipart/form-data (emulated).")
    fields: dict[str, Field] = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    for part in parts[1:-1]:
        headers, _, data = part.partition(b"\r\n\r\n")
        name, filename = _named(headers)
        fields[name] = Field(filename, data)
    return fields


def _named(headers: bytes) -> tuple[str, str]:
    for line in headers.decode("utf-8", "replace").split("\r\n"):
        title, _, value = line.partition(":")
        if title.strip().lower() == "content-disposition":
            said = Message()
            said["Content-Disposition"] = value.strip()
            found = [said.get_param(name, "", "content-disposition") for name in ("name", "filename")]
            return str(found[0]), str(found[1])
    raise invalid("A part of the form has no name (emulated).")
