"""The routes as a Starlette application: bytes in, bytes out, and nothing else."""

from typing import TYPE_CHECKING

from gemchain.errors import MissingExtraError
from gemchain.serve.exchange import MOST_BYTES
from gemchain.serve.routes import Pushes

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["application"]

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""All: what is not meant is answered by the routes themselves."""


def application(pushes: Pushes) -> "Starlette":
    """The application, for uvicorn or any other ASGI server.

    Raises:
        MissingExtraError: Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError("gemchain serve", "serve") from error

    async def answer(request: "Request") -> "Response":
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = await _limited(request)
        reply = await run_in_threadpool(pushes.handle, request.method, path, dict(request.headers), body)
        return Response(reply.body, reply.status, dict(reply.headers))

    return Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)])


async def _limited(request: "Request") -> bytes:
    """The body; of one that is too large no more than shows that it is."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            break
    return body[: MOST_BYTES + 1]
