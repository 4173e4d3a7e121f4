"""A standby's answers: it passes every request on to the leader, and says that it did.

Waits a moment for a leader to be elected. A request that comes back to where it was is refused,
and so is one whose leader can't be reached: 502 with a sentence. Each process says by itself that
it lives; whoever wants a stream (`streams`) is sent to the leader.
Source: Marathon, LeaderProxyFilter and docs/high-availability.md; the project's digest §2.1.
"""

import asyncio
from collections.abc import Mapping

from kernel.messages.codec import encode
from kernel.runtime.client import TROUBLE, HttpClient, Reply
from kernel.runtime.election import Candidate
from kernel.runtime.http import Request, Response, Streaming

WAITS, WAIT_S = 10, 0.25  # Marathon's, for a leader to be there
READ_TIMEOUT_S = 30.0
_HOP_BY_HOP = (
    "connection", "content-length", "date", "host", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "server", "te", "trailer", "transfer-encoding", "upgrade",
    "content-encoding", "accept-encoding",
)  # fmt: skip

#: What each process answers by itself: that it lives.
OWN = {
    "/ping": Response(200, b"pong", "text/plain"),
    "/health": Response(200, encode({"status": "ok", "elected": False})),
}


class LeaderProxy:
    """`via` is the header that names who passed a request on, such as X-Marathon-Via."""

    def __init__(
        self,
        candidate: Candidate,
        via: str,
        *,
        streams: tuple[str, ...] = (),
    ) -> None:
        self._candidate = candidate
        self._via = via.lower()
        self._streams = streams
        self._client: HttpClient | None = None

    async def __call__(self, request: Request) -> Response | Streaming:
        if request.path in OWN:
            return OWN[request.path]
        passed = request.headers.get(self._via, "")
        if self._candidate.address in [each.strip() for each in passed.split(",")]:
            return _bad_gateway("Detected a loop: the leader that this node knows is itself")
        leader = await self._leader()
        if not leader:
            return _bad_gateway("There is no leader now; try again in a moment")
        if request.path in self._streams:
            return Response(302, headers={"Location": f"http://{leader}{request.target}"})
        return await self._pass_on(request, leader, passed)

    async def _leader(self) -> str:
        for _ in range(WAITS):
            holder = self._candidate.holder
            if holder is not None and holder.address:
                return holder.address
            await asyncio.sleep(WAIT_S)
        return ""

    async def _pass_on(self, request: Request, leader: str, passed: str) -> Response:
        headers = _end_to_end(request.headers)
        headers[self._via] = ", ".join(filter(None, (passed, self._candidate.address)))
        before = request.headers.get("x-forwarded-for", "")
        headers["x-forwarded-for"] = ", ".join(filter(None, (before, request.client)))
        try:
            reply = await self._asked(request, leader, headers)
        except TROUBLE as error:
            reason = str(error) or type(error).__name__
            return _bad_gateway(f"The leader {leader} can't be reached: {reason}")
        if reply is None:
            return _bad_gateway(
                f"The leader {leader} was replaced before it answered; look whether it did what"
                " you asked for, and try again"
            )
        answer = _end_to_end(reply.headers)
        content_type = answer.pop("content-type", None)
        answer[self._via] = self._candidate.address
        return Response(reply.status, reply.body, content_type, answer)

    async def _asked(
        self, request: Request, leader: str, headers: Mapping[str, str]
    ) -> Reply | None:
        """The leader's reply; None when another leads meanwhile. Raises what is in `TROUBLE`."""
        if self._client is None:
            self._client = HttpClient()
        asking = asyncio.ensure_future(
            self._client.request(
                request.method,
                f"http://{leader}{request.target}",
                body=request.body,
                headers=headers,
                timeout_s=READ_TIMEOUT_S,
                follow=False,
            )
        )
        change = asyncio.ensure_future(self._candidate.until_changed())
        try:
            await asyncio.wait({asking, change}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()
            change.cancel()


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}


def _bad_gateway(sentence: str) -> Response:
    return Response(502, encode({"message": sentence}))
