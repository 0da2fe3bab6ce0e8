"""Files inside requests, for providers that read them from the request itself or from the open web."""

import base64

from gemchain.errors import RequestError
from gemchain.ports import FileContent

__all__ = ["IMAGES", "PDF", "as_text", "base64_data", "is_text", "refused", "web_address"]

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""Images that both OpenAI and Anthropic read.

https://developers.openai.com/api/docs/guides/images-vision
https://platform.claude.com/docs/en/build-with-claude/vision
"""

PDF = "application/pdf"

_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/toml"})


def is_text(mime_type: str) -> bool:
    """Whether a file of this kind can be read as text."""
    return mime_type.startswith("text/") or mime_type in _TEXTS


def base64_data(file: FileContent) -> str:
    """The bytes of a file that has them."""
    return base64.b64encode(file.data or b"").decode()


def as_text(file: FileContent, service: str) -> str:
    """The text of a text file; its name, where files are only named.

    Raises:
        RequestError: It is not UTF-8, or somewhere on the web.
    """
    if file.data is None:
        address = web_address(file, service)
        if "://" in address:
            raise RequestError(f"{service} does not fetch a file of kind {file.mime_type}: {address!r}")
        return address
    try:
        return file.data.decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"a file of kind {file.mime_type} is not in UTF-8; convert it") from error


def web_address(file: FileContent, service: str) -> str:
    """Where the service reads the file; its bare name, where files are only named.

    Raises:
        RequestError: The address is of a kind that it cannot read.
    """
    uri = file.uri or ""
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme not in ("", "https", "http"):
        raise RequestError(
            f"{service} cannot read {uri!r}: it takes files inside the request or at an https address, and "
            "only Gemini models read gs:// addresses; hand over the local Path or the https address"
        )
    return uri


def refused(file: FileContent, service: str) -> RequestError:
    """The refusal of a kind of file that the service does not read."""
    images = ", ".join(sorted(kind.removeprefix("image/") for kind in IMAGES))
    others = (
        "convert the image"
        if file.mime_type.startswith("image/")
        else "use a Gemini model, which may take it"
    )
    if file.mime_type.startswith(("audio/", "video/")):
        others = "Gemini models take audio and video"
    return RequestError(
        f"{service} takes images ({images}), PDFs and texts, not a file of kind {file.mime_type}; {others}"
    )
