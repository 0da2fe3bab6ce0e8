"""Errors that the emulator answers with: a gRPC status and the text that the service sends."""

from gemchain.emulators.firestore.messages import grpc

__all__ = [
    "Refusal",
    "aborted",
    "already_exists",
    "failed_precondition",
    "invalid",
    "not_found",
    "unimplemented",
]

CONTENTION = "Too much contention on these documents. Please try again."
EXPIRED = "The referenced transaction has expired or is no longer valid."


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of the service, not a fault of ours
    """An RPC is answered with a status other than OK.

    Attributes:
        code: A `grpc.StatusCode`.
        message: The status message the client sees.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """INVALID_ARGUMENT: the request is wrong whatever the state of the database."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> Refusal:
    """NOT_FOUND: the document is not there."""
    return Refusal(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> Refusal:
    """ALREADY_EXISTS: the document is there."""
    return Refusal(grpc.StatusCode.ALREADY_EXISTS, message)


def failed_precondition(message: str) -> Refusal:
    """FAILED_PRECONDITION: the document or the history is not what the request asks for."""
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, message)


def aborted(message: str = CONTENTION) -> Refusal:
    """ABORTED: another transaction came first; the whole transaction may be tried again."""
    return Refusal(grpc.StatusCode.ABORTED, message)


def unimplemented(message: str) -> Refusal:
    """UNIMPLEMENTED: the real service can do it, the emulator cannot."""
    return Refusal(grpc.StatusCode.UNIMPLEMENTED, message)
