"""A connection whose client ended its side is answered before it is closed.

gunicorn closes at once, so whoever pipes a request through a tool that says "no more" would hear
nothing. Here a whole request is carried out and answered, half of one is refused, and a stream
ends, because a client that died says the same. Leaves all else to gunicorn. Source: RFC 9112 §9.6;
asyncio, `Protocol.eof_received`.
"""

import asyncio
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol

_TURNS_MAX = 1_000  # of the loop, for the application to take in a body that has arrived


class Connection(ASGIProtocol):  # type: ignore[misc]
    """One per client. `_body_receiver` is that of the request under way, if there is one."""

    _has_ended = False
    _parting: "asyncio.Task[None] | None" = None

    def eof_received(self) -> bool:
        """True keeps our side open: it is closed after the answer."""
        receiver = self._body_receiver
        if receiver is None or self._websocket is not None:
            return False
        self._has_ended = True
        self._parting = self.worker.loop.create_task(_part(receiver))
        return True

    async def _serve_http_request(self, *request: Any) -> bool:
        keeps = bool(await super()._serve_http_request(*request))
        return keeps and not self._has_ended


async def _part(receiver: Any) -> None:
    """The application hears that nobody is there, but after the body, if that is whole."""
    for _ in range(_TURNS_MAX):
        if not receiver._complete or receiver._body_finished:
            break
        await asyncio.sleep(0)
    receiver.signal_disconnect()
