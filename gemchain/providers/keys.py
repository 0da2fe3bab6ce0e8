"""API keys as people paste them."""

from gemchain.errors import ConfigurationError

__all__ = ["checked_key"]


def checked_key(found: str, service: str, key_help: str) -> str:
    """A key without the blanks and line ends around it.

    Args:
        found: The key as it was found; empty when there is none.
        service: What people call the service.
        key_help: Where to get a key, and where to put it.

    Raises:
        ConfigurationError: There is none, or it has a character that no key has.
    """
    key = found.strip()
    if not key:
        raise ConfigurationError(f"{service} needs a key; {key_help}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError(
            f"the key of {service} has a blank, a line end or a character that no key has, such as '…'; copy "
            f"the whole key again; {key_help}"
        )
    return key
