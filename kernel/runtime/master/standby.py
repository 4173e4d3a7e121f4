"""What a master answers that does not lead: where the leader is, and that it lives itself.

Comes before every other check: also a call that makes no sense is sent to the leader. Source:
Mesos, Http::redirect in src/master/http.cpp; recordings of a real standby.
"""

import re
from collections.abc import Mapping

from kernel.master.views import MESOS_VERSION
from kernel.messages.codec import encode
from kernel.runtime.call_form import refuse
from kernel.runtime.election import Candidate
from kernel.runtime.http import Request, Response
from kernel.runtime.master.pages import BUILD, TEPUI_VERSION

_PREFIX = re.compile(r"/master(?=/|$)")
NO_LEADER = "No leader elected"


class Standby:
    """`flags` are shown as they are: without passwords."""

    def __init__(self, candidate: Candidate, flags: Mapping[str, str]) -> None:
        self._candidate = candidate
        version = {**BUILD, "version": MESOS_VERSION, "tepui_version": TEPUI_VERSION}
        self._own = {
            "/health": Response(200),
            "/version": Response(200, encode(version)),
            "/flags": Response(200, encode({"flags": flags})),
            "/metrics/snapshot": Response(200, encode({"master/elected": 0.0})),
            "": Response(200, b"A standby of Tepui's master.\n", "text/plain; charset=utf-8"),
        }

    async def __call__(self, request: Request) -> Response:
        target = _PREFIX.sub("", request.target, count=1)
        path = target.partition("?")[0].rstrip("/")
        own = self._own.get(path)
        if own is not None:
            return own
        holder = self._candidate.holder
        if holder is None or not holder.address or holder.address == self._candidate.address:
            return refuse(503, NO_LEADER)
        # Scheme-relative, and with the prefix whether it was asked with one or not, as Mesos.
        where = "" if path == "/redirect" else f"/master{target}"
        return Response(307, headers={"Location": f"//{holder.address}{where}"})
