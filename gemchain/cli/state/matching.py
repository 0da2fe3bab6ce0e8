"""Whether a chain was started by a function that a person names."""

from pathlib import Path

__all__ = ["is_function"]


def is_function(stored: str, asked: str) -> bool:
    """Whether `asked` names the function of a chain.

    Args:
        stored: `module:function`, with `@version` for an async chain.
        asked: The same, or FILE:FUNCTION, or the function's name alone.
    """
    name = stored.rpartition("@")[0] or stored  # an async chain has its version behind its name
    module, _, function = name.rpartition(":")
    file, _, asked_function = asked.rpartition(":")
    if function != asked_function:
        return False
    if not file.endswith(".py"):
        return file in {"", module}
    path = ".".join(Path(file).with_suffix("").parts)
    return f".{path}".endswith(f".{module}")
