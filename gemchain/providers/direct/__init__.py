"""Single requests over HTTP, many at the same time: the `DirectRun` port for every service with a JSON API.

One event loop in one daemon thread serves the whole process. What is sent to one model passes through one
`Channel`, which knows the limits of the service; a run is what one batch has in it.

Crash story. Nothing is kept here: a row counts once the engine has taken it and written it down. A process
that dies loses what was on its way and what was not taken; the engine sends those prompts again, and what
the service had answered meanwhile may be paid twice: at most twice the concurrency of requests, and what was
not yet taken. A request that ran into a timeout or whose connection was cut is sent again, too, and may have
been answered: the services take no key by which they would know it again.
"""

from gemchain.providers.direct.endpoint import Auth, Endpoint, FixedHeaders
from gemchain.providers.direct.lane import DirectLane

__all__ = ["Auth", "DirectLane", "Endpoint", "FixedHeaders"]
