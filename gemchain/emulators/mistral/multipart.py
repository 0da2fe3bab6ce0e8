"""Reading a form with a file in it.

https://www.rfc-editor.org/rfc/rfc7578
"""

import re

from gemchain.emulators.mistral.errors import MistralRefusal

__all__ = ["read_form"]

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_NAME = re.compile(rb'name="([^"]*)"')


def read_form(kind: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form, and of a file its content.

    Args:
        kind: The header `Content-Type`.
        body: The form.

    Raises:
        MistralRefusal: It is none.
    """
    found = _BOUNDARY.search(kind)
    if found is None:
        raise MistralRefusal(422, "The request is not multipart/form-data.")
    fields: dict[str, bytes] = {}
    for part in body.split(b"--" + found.group(1).encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None:
            fields[name.group(1).decode()] = content.removesuffix(b"\r\n")
    return fields
