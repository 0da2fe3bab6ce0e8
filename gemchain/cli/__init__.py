"""The command line: parses what is asked, prints what is found, and decides nothing itself."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the `gemchain` command."""
    from gemchain.cli.app import app

    app()
