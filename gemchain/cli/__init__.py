"""The command line: it parses arguments and prints results; the decisions are made elsewhere."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the `gemchain` command."""
    from gemchain.cli.app import app
    from gemchain.cli.output.closing import checking_output

    with checking_output():
        app()
