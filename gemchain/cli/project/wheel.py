"""Writing the installed gemchain as a wheel: a deployed codebase contains the gemchain that made it.

A wheel is a zip file of the package and its metadata, so nothing has to be built or downloaded:
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import gemchain

__all__ = ["wheel_name", "write_wheel"]

_TAG = "py3-none-any"
_WHEEL = f"Wheel-Version: 1.0\nGenerator: gemchain\nRoot-Is-Purelib: true\nTag: {_TAG}\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""One time stamp for all files, so that the same gemchain gives the same bytes."""


def wheel_name() -> str:
    """The file name of the installed version's wheel."""
    return f"gemchain-{gemchain.__version__}-{_TAG}.whl"


def write_wheel(folder: Path) -> Path:
    """Write the wheel into a folder, which is created if needed; other wheels of gemchain are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("gemchain-*.whl"):
        old.unlink()
    path = folder / wheel_name()
    info = f"gemchain-{gemchain.__version__}.dist-info"
    record: list[str] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in (*_package(), *_metadata(info)):
            wheel.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}")
        lines = "\n".join([*record, f"{info}/RECORD,,\n"])
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", _EPOCH), lines)
    return path


def _package() -> Iterator[tuple[str, bytes]]:
    root = Path(gemchain.__file__).resolve().parent
    for file in sorted(root.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield f"gemchain/{file.relative_to(root).as_posix()}", file.read_bytes()


def _metadata(info: str) -> Iterator[tuple[str, bytes]]:
    metadata = distribution("gemchain").read_text("METADATA")
    assert metadata is not None
    yield f"{info}/METADATA", metadata.encode()
    yield f"{info}/WHEEL", _WHEEL.encode()
    yield f"{info}/entry_points.txt", b"[console_scripts]\ngemchain = gemchain.cli:main\n"
