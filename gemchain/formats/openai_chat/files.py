"""Files in the messages of a chat completion.

https://developers.openai.com/api/docs/guides/images-vision
https://developers.openai.com/api/docs/guides/pdf-files
"""

from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.file_content import IMAGES, PDF, as_text, base64_data, is_text, refused, web_address
from gemchain.ports import FileContent

__all__ = ["compat_file_part", "data_url", "openai_file_part"]

SERVICE = "OpenAI"
SERVER = "an OpenAI-compatible server"


def data_url(file: FileContent, service: str) -> str:
    """The file's bytes as an address; or the address at which the service reads it.

    Raises:
        RequestError: The address is of a kind that the service cannot read.
    """
    if file.data is None:
        return web_address(file, service)
    return f"data:{file.mime_type};base64,{base64_data(file)}"


def openai_file_part(file: FileContent) -> dict[str, Any]:
    """The part that carries a file to OpenAI.

    Raises:
        RequestError: It does not read files of this kind, or not from there.
    """
    if file.mime_type in IMAGES:
        return _image(file, SERVICE)
    if file.mime_type == PDF:
        return _document(file, SERVICE)
    if is_text(file.mime_type):
        return {"type": "text", "text": as_text(file, SERVICE)}
    raise refused(file, SERVICE)


def compat_file_part(file: FileContent) -> dict[str, Any]:
    """The part that carries a file to some other server, which alone knows what it reads.

    Raises:
        RequestError: It is at an address that no such server reads, or there is no part for its kind.
    """
    kind = file.mime_type.partition("/")[0]
    if kind == "image":
        return _image(file, SERVER)
    if kind == "audio":
        return _audio(file)
    if kind == "video":  # as vLLM and others read it
        return {"type": "video_url", "video_url": {"url": data_url(file, SERVER)}}
    if is_text(file.mime_type):
        return {"type": "text", "text": as_text(file, SERVER)}
    return _document(file, SERVER)


def _image(file: FileContent, service: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(file, service)}}


def _document(file: FileContent, service: str) -> dict[str, Any]:
    """A document, which has to be inside the request and to have a name."""
    if file.data is None and "://" in web_address(file, service):
        raise RequestError(
            f"chat completions of {service} read no document at an address, such as {file.uri!r}; hand over "
            "the local Path, or use a model of openai/responses/, anthropic/ or mistral/, which fetch it"
        )
    name = f"document.{file.mime_type.rpartition('/')[2]}"
    return {"type": "file", "file": {"filename": name, "file_data": data_url(file, service)}}


def _audio(file: FileContent) -> dict[str, Any]:
    kind = {"audio/mpeg": "mp3"}.get(file.mime_type, file.mime_type.rpartition("/")[2].removeprefix("x-"))
    if file.data is None:
        address = web_address(file, SERVER)
        if "://" in address:
            return {"type": "audio_url", "audio_url": {"url": address}}
        return {"type": "input_audio", "input_audio": {"data": address, "format": kind}}
    return {"type": "input_audio", "input_audio": {"data": base64_data(file), "format": kind}}
