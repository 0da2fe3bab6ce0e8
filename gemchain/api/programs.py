"""The function of an async chain and its arguments, as its record keeps them, and the program made of them.

A chain whose function was typed into a session is stored with the function itself, as signed text.
"""

from gemchain.base import jsontext
from gemchain.durable.frames import Program
from gemchain.errors import UnresolvedError
from gemchain.functions.closures import PREFIX
from gemchain.records import Chain
from gemchain.records.arguments import SIGNED
from gemchain.runtime import Runtime

__all__ = ["program_of"]


def program_of(runtime: Runtime, chain: Chain, name: str) -> Program:
    """The chain's function, called with its arguments.

    Args:
        runtime: Where functions are looked up.
        chain: The record.
        name: The stored name of the function.

    Raises:
        UnresolvedError: The function, or its version, is gone; or it was not signed here.
    """
    kept = jsontext.load(chain.args)
    if name.startswith(PREFIX):
        signed = kept.get(SIGNED)
        if not isinstance(signed, str):
            raise UnresolvedError(f"{name!r} was stored by value, and its value is gone")
        function = runtime.continuations.load(signed, "chain")
    else:
        function = runtime.continuations.resolve_chain(name)
    program: Program = function(*kept["args"], **kept["params"])
    return program
