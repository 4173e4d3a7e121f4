"""Probes against real sockets. Source: Marathon §1.6, §1.7."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from marathon_app.core.effects import Probe, StartProbing, StartReadiness
from marathon_app.core.events import HealthProbed, ReadinessProbed
from marathon_app.runtime.probes import Prober
from tests.processes import free_port

Result = HealthProbed | ReadinessProbed
HOST = "127.0.0.1"


@asynccontextmanager
async def site(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[int]:
    server = web.Application()
    server.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def answer(request: web.Request) -> web.StreamResponse:
    status = int(request.path[1:] or 200)
    headers = {"Location": "/500"} if status == 302 else {}
    return web.Response(status=status, text="words", headers=headers)


def probe(port: int, **more: object) -> Probe:
    fields: dict[str, object] = {
        "check_index": 0,
        "protocol": "HTTP",
        "host": HOST,
        "port": port,
        "path": "/",
        "interval_ms": 10,
        "timeout_ms": 5_000,
        "first_delay_ms": 0,
        "eager_interval_ms": 10,
        "eager_for_ms": 0,
        **more,
    }
    return Probe(**fields)  # type: ignore[arg-type]


async def first_result(made: Probe) -> HealthProbed:
    results: asyncio.Queue[Result] = asyncio.Queue()
    prober = Prober(results.put_nowait, concurrency_max=4)
    prober.start(StartProbing("t", (made,)))
    found = await results.get()
    await prober.close()
    assert isinstance(found, HealthProbed)
    return found


def test_200_to_399_is_alive_and_redirects_are_not_followed() -> None:
    async def run() -> None:
        async with site(answer) as port:
            for path, alive in (("/200", True), ("/302", True), ("/404", False), ("/500", False)):
                found = await first_result(probe(port, path=path))
                assert found.alive is alive, path
            assert found.cause.startswith("status 500")

    asyncio.run(run())


def test_nobody_listening_is_a_failure_with_its_cause() -> None:
    for protocol in ("HTTP", "HTTPS", "TCP"):
        found = asyncio.run(first_result(probe(free_port(), protocol=protocol)))
        assert found.alive is False
        assert found.cause == "connection refused: nobody listens on the port"


def test_a_tcp_check_wants_a_connection_only() -> None:
    async def run() -> None:
        async with site(answer) as port:
            assert (await first_result(probe(port, protocol="TCP"))).alive is True

    asyncio.run(run())


def test_silence_is_a_failure_after_the_timeout() -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets it")

    async def run() -> None:
        async with site(silent) as port:
            found = await first_result(probe(port, timeout_ms=50))
            assert found == HealthProbed("t", 0, False, "no answer within 0.05 s")

    asyncio.run(run())


def test_a_task_that_starts_is_probed_eagerly_until_it_first_passes() -> None:
    asked = 0

    async def slow_to_start(_: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(status=200 if asked == 3 else 500)

    async def run() -> list[bool | None]:
        async with site(slow_to_start) as port:
            results: asyncio.Queue[Result] = asyncio.Queue()
            prober = Prober(results.put_nowait, concurrency_max=4)
            eager = probe(port, interval_ms=60_000, eager_interval_ms=1, eager_for_ms=60_000)
            prober.start(StartProbing("t", (eager,)))
            found = [await results.get() for _ in range(3)]
            await asyncio.sleep(0.05)
            assert results.empty(), "it passed, so the next one is due in a minute"
            await prober.close()
            return [each.alive for each in found if isinstance(each, HealthProbed)]

    assert asyncio.run(run()) == [False, False, True]


def test_a_stopped_task_is_probed_no_more() -> None:
    async def run() -> None:
        async with site(answer) as port:
            results: asyncio.Queue[Result] = asyncio.Queue()
            prober = Prober(results.put_nowait, concurrency_max=4)
            prober.start(StartProbing("t", (probe(port, interval_ms=1),)))
            await results.get()
            prober.stop("t")
            prober.stop("unknown")
            while not results.empty():
                results.get_nowait()
            await asyncio.sleep(0.05)
            assert results.empty()
            await prober.close()

    asyncio.run(run())


def test_many_probes_share_what_is_allowed_at_once() -> None:
    at_once, most = 0, 0

    async def counting(_: web.Request) -> web.StreamResponse:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return web.Response()

    async def run() -> None:
        async with site(counting) as port:
            results: asyncio.Queue[Result] = asyncio.Queue()
            prober = Prober(results.put_nowait, concurrency_max=3)
            for number in range(20):
                prober.start(StartProbing(f"t{number}", (probe(port, interval_ms=60_000),)))
            for _ in range(20):
                await results.get()
            await prober.close()

    asyncio.run(run())
    assert 1 <= most <= 3


def test_readiness_reports_status_and_body_and_504_for_no_answer() -> None:
    """Source: §1.7, "Errors/timeouts recorded as status 504"."""

    async def run() -> None:
        async with site(answer) as port:
            results: asyncio.Queue[Result] = asyncio.Queue()
            prober = Prober(results.put_nowait, concurrency_max=4)
            url = f"http://{HOST}:{port}/503"
            prober.start_readiness(StartReadiness("t", "ready", url, 10_000, 5_000))
            assert await results.get() == ReadinessProbed("t", "ready", 503, "text/plain", "words")
            nobody = f"http://{HOST}:{free_port()}/"
            prober.start_readiness(StartReadiness("t", "ready", nobody, 10_000, 5_000))
            found = await results.get()
            assert isinstance(found, ReadinessProbed) and found.status == 504 and found.body
            await prober.close()

    asyncio.run(run())
