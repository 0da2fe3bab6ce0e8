"""How the name of a model says that it is asked for vectors."""

__all__ = ["PREFIX", "asks_for_vectors", "without_prefix"]

PREFIX = "embeddings/"
"""What it begins with, after the prefix of its provider."""


def asks_for_vectors(model: str) -> bool:
    """Whether a model, by its name at its provider, is asked for vectors."""
    return model.startswith(PREFIX)


def without_prefix(model: str) -> str:
    """The name by which the service knows the model."""
    return model.removeprefix(PREFIX)
