"""Talks with Marathon: follows its events, fetches apps, tells it which tasks are out.

Passing `drain=` on the event stream makes Marathon wait for us before it kills a task. Leaves what
any of it means to `watch`. Source: Marathon REST API, /v2/apps and /v2/events; Tepui's /v3/drained.
"""

import asyncio
import ipaddress
import json
import logging
import socket
from collections.abc import Callable, Sequence
from urllib.parse import quote

import msgspec

from kernel.runtime.client import TROUBLE, HttpClient, follow_sse
from lb import events as e
from lb.marathon import App, decode_apps, decode_event

log = logging.getLogger(__name__)

EVENT_TYPES = (
    "api_post_event",
    "app_terminated_event",
    "deployment_success",
    "deployment_failed",
    "group_change_success",
    "health_status_changed_event",
    "instance_health_changed_event",
    "status_update_event",
)
SILENCE_TIMEOUT_S = 45.0  # Marathon sends something every 10 s or so
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.1, 3.0
FETCH_TIMEOUT_S = 15.0
RESOLVE_TIMEOUT_S, RESOLVED_FOR_S = 2.0, 30.0


class Follower:
    """One conversation with whichever of the Marathons answers."""

    def __init__(
        self, urls: Sequence[str], name: str, client: HttpClient, post: Callable[[e.Event], None]
    ) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._name = name
        self._client = client
        self._post = post
        self._addresses: dict[str, tuple[float, str]] = {}  # host -> until when, address

    @property
    def url(self) -> str:
        return self._urls[0]

    async def run(self) -> None:
        """Follow the events until cancelled; come back fast at first."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            opened = False

            def on_open() -> None:
                nonlocal opened
                opened = True
                log.info("following %s", self.url)
                self._post(e.StreamOpened())

            reason = await self._follow(on_open)
            if opened:
                backoff_s = BACKOFF_FIRST_S
                log.warning("%s: %s", self.url, reason)
            self._post(e.StreamClosed(f"{self.url}: {reason}"))
            self._urls.append(self._urls.pop(0))
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    async def fetch(self, number: int) -> None:
        """Answers with AppsFetched or FetchFailed."""
        url = f"{self.url}/v2/apps?embed=apps.tasks"
        try:
            reply = await self._client.get(url, timeout_s=FETCH_TIMEOUT_S)
            if reply.status != 200:
                self._post(e.FetchFailed(number, f"{url} answered {reply.status}"))
                return
            apps, unreadable = decode_apps(reply.body)
        except (*TROUBLE, msgspec.DecodeError, RecursionError) as problem:
            self._post(e.FetchFailed(number, f"{url}: {str(problem) or type(problem).__name__}"))
            return
        addresses = await self._resolve(apps)
        self._post(e.AppsFetched(number, apps, unreadable, addresses))

    async def acknowledge(self, task_ids: tuple[str, ...]) -> None:
        """Tell Marathon that these tasks take no requests any more."""
        body = json.dumps({"lb": self._name, "taskIds": list(task_ids)}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            reply = await self._client.post(
                f"{self.url}/v3/drained", body=body, headers=headers, timeout_s=2
            )
        except TROUBLE as problem:
            reason = str(problem) or type(problem).__name__
            self._post(e.AcknowledgeFailed(task_ids, reason))
            return
        # A Marathon other than Tepui's has no such path and does not wait either.
        if reply.status >= 300 and reply.status != 404:
            self._post(e.AcknowledgeFailed(task_ids, f"status {reply.status}"))

    async def _follow(self, on_open: Callable[[], None]) -> str:
        types = "".join(f"&event_type={event_type}" for event_type in EVENT_TYPES)
        url = f"{self.url}/v2/events?plan-format=light&drain={quote(self._name, safe='')}{types}"
        try:
            async for frame in follow_sse(
                self._client, url, silence_timeout_s=SILENCE_TIMEOUT_S, on_open=on_open
            ):
                self._take(frame.event, frame.data)
        except TROUBLE as problem:
            return str(problem) or type(problem).__name__
        return "the event stream ended"

    def _take(self, event_type: str, data: str) -> None:
        event = decode_event(data)
        if event is not None and event.task_status == "TASK_KILLING" and event.task_id:
            self._post(e.TaskKillAnnounced(event.task_id))
        elif event_type in EVENT_TYPES:
            self._post(e.AppsChanged())

    async def _resolve(self, apps: Sequence[App]) -> dict[str, str]:
        """The addresses of the hosts that tasks run on; HAProxy takes no names at run time."""
        now = asyncio.get_running_loop().time()
        hosts = {task.host: None for app in apps for task in app.tasks or () if task.host}
        stale = [host for host in hosts if self._addresses.get(host, (0.0, ""))[0] < now]
        names = [host for host in stale if not _is_address(host)]
        for host, address in zip(names, await asyncio.gather(*map(_lookup, names)), strict=True):
            if address is not None:
                self._addresses[host] = (now + RESOLVED_FOR_S, address)
        return {host: self._addresses[host][1] for host in hosts if host in self._addresses}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _lookup(host: str) -> str | None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (TimeoutError, OSError, UnicodeError):
        return None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)  # IPv4 first, as marathon-lb
    return str(found[0][4][0]) if found else None
