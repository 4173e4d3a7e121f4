"""Carries out health checks (HTTP, HTTPS, TCP) and readiness checks against running tasks.

Each check has its own timer; at most `concurrency_max` probes are under way at once. What a result
means is the core's business: it gets `HealthProbed` and `ReadinessProbed`, nothing is counted here.
Source: Marathon, docs/docs/health-checks.md: 200-399 passes, redirects are not followed,
certificates are not verified.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine

import aiohttp
from msgspec import structs

from marathon_app.core.effects import Probe, StartProbing, StartReadiness
from marathon_app.core.events import HealthProbed, ReadinessProbed

log = logging.getLogger(__name__)

TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError, ValueError, UnicodeError)
READINESS_BODY_BYTES_MAX = 16 * 1024  # shown to people; a page of it is enough
GATEWAY_TIMEOUT = 504  # how a readiness check that got no answer is recorded
HEADERS = {"User-Agent": "tepui-marathon health check"}


class Prober:
    """Belongs to the loop. `report` takes the results."""

    def __init__(
        self, report: Callable[[HealthProbed | ReadinessProbed], None], *, concurrency_max: int
    ) -> None:
        self._report = report
        self._allowed = asyncio.Semaphore(concurrency_max)
        self._health: dict[str, list[asyncio.Task[None]]] = {}
        self._readiness: dict[str, asyncio.Task[None]] = {}
        # A fresh connection each time: a kept one would say nothing about accepting new ones.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=False, limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
        )

    def start(self, effect: StartProbing) -> None:
        """Probe until stopped; earlier probes of the task are replaced."""
        self._stop_health(effect.task_id)
        self._health[effect.task_id] = [
            asyncio.ensure_future(self._probe_for_ever(effect.task_id, probe))
            for probe in effect.probes
        ]

    def start_readiness(self, effect: StartReadiness) -> None:
        self.stop_readiness(effect.task_id)
        asking: Coroutine[None, None, None] = self._ask_until_stopped(effect)
        self._readiness[effect.task_id] = asyncio.ensure_future(asking)

    def stop(self, task_id: str) -> None:
        """Ends health and readiness probes alike."""
        self._stop_health(task_id)
        self.stop_readiness(task_id)

    def stop_readiness(self, task_id: str) -> None:
        if (running := self._readiness.pop(task_id, None)) is not None:
            running.cancel()

    async def close(self) -> None:
        for task_id in [*self._health, *self._readiness]:
            self.stop(task_id)
        await self._session.close()

    def _stop_health(self, task_id: str) -> None:
        for running in self._health.pop(task_id, ()):
            running.cancel()

    async def _probe_for_ever(self, task_id: str, probe: Probe) -> None:
        clock = asyncio.get_running_loop().time
        eager_until = clock() + probe.eager_for_ms / 1000
        await asyncio.sleep(probe.first_delay_ms / 1000)
        has_passed = False
        while True:
            async with self._allowed:
                result = await self._probe(task_id, probe)
            self._report(result)
            has_passed = has_passed or result.alive is True
            is_eager = not has_passed and clock() < eager_until
            pause_ms = probe.eager_interval_ms if is_eager else probe.interval_ms
            await asyncio.sleep(pause_ms / 1000)

    async def _probe(self, task_id: str, probe: Probe) -> HealthProbed:
        alive: bool | None = False
        try:
            async with asyncio.timeout(probe.timeout_ms / 1000):
                if probe.protocol == "TCP":
                    alive, cause = await _connects(probe)
                else:
                    alive, cause = await self._answers(probe)
        except TimeoutError:
            cause = f"no answer within {probe.timeout_ms / 1000:g} s"
        except TROUBLE as error:
            cause = _words(error)
        return HealthProbed(task_id, probe.check_index, alive, cause)

    async def _answers(self, probe: Probe) -> tuple[bool | None, str]:
        path = probe.path if probe.path.startswith("/") else f"/{probe.path}"
        url = f"{probe.protocol.lower()}://{_host(probe.host)}:{probe.port}{path}"
        async with self._session.get(url, allow_redirects=False) as answer:
            if 100 <= answer.status < 200 and probe.ignore_http_1xx:
                return None, ""
            if 200 <= answer.status < 400:
                return True, ""
            return False, f"status {answer.status} {answer.reason or ''}".strip()

    async def _ask_until_stopped(self, effect: StartReadiness) -> None:
        while True:
            async with self._allowed:
                result = await self._ask(effect)
            self._report(result)
            await asyncio.sleep(effect.interval_ms / 1000)

    async def _ask(self, effect: StartReadiness) -> ReadinessProbed:
        missed = ReadinessProbed(effect.task_id, effect.check_name, GATEWAY_TIMEOUT)
        try:
            async with (
                asyncio.timeout(effect.timeout_ms / 1000),
                self._session.get(effect.url, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(READINESS_BODY_BYTES_MAX)
                return ReadinessProbed(
                    effect.task_id,
                    effect.check_name,
                    answer.status,
                    answer.content_type,
                    body.decode(errors="replace"),
                )
        except TimeoutError:
            return structs.replace(missed, body=f"no answer within {effect.timeout_ms / 1000:g} s")
        except TROUBLE as error:
            return structs.replace(missed, body=_words(error))


async def _connects(probe: Probe) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(probe.host, probe.port)
    writer.close()
    return True, ""


def _words(error: Exception) -> str:
    """For people: what could not be done, not which class of which library says so."""
    reason = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused: nobody listens on the port"
    if isinstance(reason, OSError) and reason.strerror:
        return f"no connection: {reason.strerror}"
    return str(reason) or type(reason).__name__


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name
