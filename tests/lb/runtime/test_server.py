"""The whole load balancer against a small true Marathon, real tasks and a real HAProxy."""

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lb.balancer import Balancer, is_running
from tests.lb.fake_marathon import FakeMarathon
from tests.lb.small_web import Load, Web, exchange, get, until
from tests.processes import free_port

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="needs haproxy")


@dataclass
class World:
    """One Marathon, one load balancer, one app /web of some tasks."""

    marathon: FakeMarathon
    balancer: Balancer
    port: int
    webs: dict[str, Web] = field(default_factory=dict)  # by task id, oldest first
    loads: list[Load] = field(default_factory=list)
    clients: list[asyncio.Task[None]] = field(default_factory=list)

    async def add(self, name: str) -> str:
        """A task starts and is seen alive."""
        web = await Web(name).start()
        task_id = self.marathon.task("/web", web)
        self.webs[task_id] = web
        self.marathon.healthy("/web")
        return task_id

    async def remove(self, task_id: str) -> float:
        """A task is announced to be killed, drained, killed, gone; how long the draining took."""
        took_s = await self.marathon.kill("/web", task_id)
        await self.webs.pop(task_id).kill()
        self.marathon.gone("/web", task_id)
        return took_s

    def load(self, clients: int = 4) -> None:
        """Users with kept and with single connections, on the service port and by host name."""
        for _ in range(clients):
            self.loads += [
                Load(self.port),
                Load(self.port, keep_alive=False),
                Load(self.balancer.http_port, host="web.example.com"),
            ]
        self.clients = [asyncio.create_task(load.run()) for load in self.loads]

    def failures(self) -> list[str]:
        return [failure for load in self.loads for failure in load.failures]

    async def more_answers(self, count: int = 20) -> None:
        enough = [load.answered + count for load in self.loads]

        async def answered() -> bool:
            return all(
                load.answered >= least for load, least in zip(self.loads, enough, strict=True)
            )

        await until(answered)

    async def is_served(self) -> bool:
        return (await get(self.port)).status == 200

    def serves(self, name: str) -> Callable[[], Awaitable[bool]]:
        async def served() -> bool:
            return any(name in load.names for load in self.loads)

        return served


@asynccontextmanager
async def world(directory: Path, tasks: int = 3, wait: bool = True) -> AsyncIterator[World]:
    marathon = await FakeMarathon().start()
    port = free_port()
    marathon.app("/web", port, labels={"HAPROXY_0_VHOST": "web.example.com"})
    made = World(marathon, Balancer(directory, marathon.url), port)
    for number in range(tasks):
        await made.add(f"first{number}")
    try:
        await made.balancer.start(wait)
        if wait and tasks:
            await until(made.is_served)
        yield made
    finally:
        for client in made.clients:
            client.cancel()
        await asyncio.gather(*made.clients, return_exceptions=True)
        await made.balancer.stop()
        await marathon.stop()
        for web in made.webs.values():
            await web.kill()


def test_tasks_are_replaced_under_load_without_one_failed_request(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            all_.load()
            await all_.more_answers()
            reloads = (await all_.balancer.services())["haproxy"]["reloads"]
            live_s, drained_s = [], []

            for number in range(24):
                await all_.add(f"next{number}")
                live_s.append(await until(all_.serves(f"next{number}"), every_s=0.002))
                drained_s.append(await all_.remove(next(iter(all_.webs))))
            await all_.more_answers()

            haproxy = (await all_.balancer.services())["haproxy"]
            print(f"live after {sorted(live_s)[12] * 1000:.0f} ms (max {max(live_s) * 1000:.0f})")
            print(f"drained in {sorted(drained_s)[12] * 1000:.0f} ms", haproxy)
            assert all_.failures() == []
            assert haproxy["reloads"] == reloads, "a change of tasks takes no reload"
            assert max(live_s) < 1

    asyncio.run(play())


def test_apps_that_come_and_go_reload_without_one_failed_request(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            all_.load()
            other = await Web("other").start()
            for _ in range(4):
                port = free_port()
                all_.marathon.app("/other", port)
                all_.marathon.task("/other", other)
                all_.marathon.post("/other")

                async def is_served(port: int = port) -> bool:
                    return (await get(port)).status == 200

                took_s = await until(is_served)
                print(f"a new app is served after {took_s * 1000:.0f} ms")
                await all_.remove(next(iter(all_.webs)))
                await all_.add(f"again{port}")
                await all_.more_answers()

            assert all_.failures() == []
            assert (await all_.balancer.services())["haproxy"]["reloads"] >= 4
            await other.kill()

    asyncio.run(play())


def test_a_request_under_way_is_waited_for_before_its_task_may_be_killed(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path, tasks=1) as all_:
            task_id, web = next(iter(all_.webs.items()))
            web.delay_s = 1.0
            request = asyncio.create_task(get(all_.port))
            await asyncio.sleep(0.2)  # the request is with the task now

            took_s = await all_.marathon.kill("/web", task_id)

            assert request.done() and request.result().status == 200
            assert 0.5 < took_s < 3

    asyncio.run(play())


def test_a_task_with_an_endless_request_is_given_up_after_five_seconds(tmp_path: Path) -> None:
    """Source: the drain contract: bounded, 5 s."""

    async def play() -> None:
        async with world(tmp_path, tasks=1) as all_:
            task_id, web = next(iter(all_.webs.items()))
            web.delay_s = 20
            request = asyncio.create_task(get(all_.port))
            await asyncio.sleep(0.2)  # the request is with the task now

            took_s = await all_.marathon.kill("/web", task_id)

            assert 4.5 < took_s < 7
            request.cancel()

    asyncio.run(play())


def test_a_task_that_is_served_by_nobody_is_acknowledged_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            all_.marathon.app("/worker", 0, portDefinitions=[])
            web = await Web("worker").start()
            task_id = all_.marathon.task("/worker", web)

            assert await all_.marathon.kill("/worker", task_id) < 1

            await web.kill()

    asyncio.run(play())


def test_an_app_without_a_healthy_task_answers_503(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path, tasks=0) as all_:

            async def is_503() -> bool:
                return (await get(all_.port)).status == 503

            await until(is_503)
            unknown = await get(all_.balancer.http_port, host="nobody.example.com")
            assert unknown.status == 503
            assert "host name" in unknown.text

            web = await Web("sick").start()
            all_.marathon.task("/web", web, alive=False)
            all_.marathon.healthy("/web")
            assert (await get(all_.port)).status == 503
            all_.marathon.apps["/web"]["tasks"][0]["healthCheckResults"] = [{"alive": True}]
            all_.marathon.healthy("/web")
            await until(all_.is_served)
            await web.kill()

    asyncio.run(play())


def test_haproxy_outlives_a_killed_load_balancer_which_then_takes_it_over(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            all_.load()
            before = await all_.balancer.haproxy_pid()

            all_.balancer.kill()
            await all_.more_answers()
            await all_.add("meanwhile")
            await all_.balancer.start()
            await until(all_.serves("meanwhile"))
            await all_.remove(next(iter(all_.webs)))
            await all_.more_answers()

            assert await all_.balancer.haproxy_pid() == before
            assert (await all_.balancer.services())["haproxy"]["reloads"] == 0
            assert all_.failures() == []

    asyncio.run(play())


def test_a_killed_haproxy_is_back_within_one_second(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            for whom in ("pid", "workers"):
                haproxy = (await all_.balancer.services())["haproxy"]
                victim = haproxy["pid"] if whom == "pid" else haproxy["workers"][0]
                os.kill(victim, signal.SIGKILL)

                async def is_another(before: int = haproxy["pid"]) -> bool:
                    now = (await all_.balancer.services())["haproxy"].get("pid", before)
                    return now != before and await all_.is_served()

                took_s = await until(is_another)
                print(f"back after {took_s * 1000:.0f} ms")
                assert took_s < 1.5  # the machine is shared; about 0.2 s when it is idle

    asyncio.run(play())


def test_without_marathon_the_last_good_configuration_is_served(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            await all_.add("late")
            await until(all_.is_served)

            async def is_saved() -> bool:
                config = (tmp_path / "haproxy.cfg").read_text()
                return config.count(" server 127_0_0_1_") == 4

            await until(is_saved)
            haproxy = await all_.balancer.haproxy_pid()
            await all_.marathon.stop()
            all_.balancer.kill()
            os.kill(haproxy, signal.SIGKILL)

            await all_.balancer.start()

            await until(all_.is_served)

    asyncio.run(play())


def test_a_broken_app_is_left_out_and_all_others_go_on(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            all_.load(clients=2)
            broken = {"HAPROXY_0_SSL_CERT": "there-is-none.pem"}
            all_.marathon.app("/broken", free_port(), labels=broken)
            fine_port = free_port()
            all_.marathon.app("/fine", fine_port)
            web = await Web("fine").start()
            all_.marathon.task("/fine", web)
            all_.marathon.post("/broken")

            async def is_fine() -> bool:
                return (await get(fine_port)).status == 200

            await until(is_fine)
            services = await all_.balancer.services()

            assert [warning["appId"] for warning in services["warnings"]] == ["/broken"]
            assert "there-is-none.pem" in services["warnings"][0]["message"]
            assert "there-is-none" in (tmp_path / "haproxy.cfg.refused").read_text()
            assert "there-is-none" not in (tmp_path / "haproxy.cfg").read_text()
            assert all_.failures() == []
            await web.kill()

    asyncio.run(play())


def test_a_service_port_of_somebody_else_is_refused_by_name(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            with socket.socket() as foreign:
                foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                foreign.bind(("127.0.0.1", free_port()))
                foreign.listen()
                port = foreign.getsockname()[1]
                all_.marathon.app("/late", port)
                all_.marathon.post("/late")

                async def is_warned() -> bool:
                    warnings = (await all_.balancer.services())["warnings"]
                    return any(
                        warning["appId"] == "/late"
                        and f"pid {os.getpid()}" in warning["message"]
                        and str(port) in warning["message"]
                        for warning in warnings
                    )

                await until(is_warned)
                assert await all_.is_served()

    asyncio.run(play())


def test_sigterm_ends_haproxy_too_and_leaves_no_port(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            haproxy = (await all_.balancer.services())["haproxy"]
            reader, writer = await asyncio.open_connection("127.0.0.1", all_.port)
            await exchange(reader, writer)  # a kept connection does not hold it up

            began = asyncio.get_running_loop().time()
            await all_.balancer.stop()

            assert asyncio.get_running_loop().time() - began < 3
            assert not any(map(is_running, [haproxy["pid"], *haproxy["workers"]]))
            with socket.socket() as again:
                again.bind(("127.0.0.1", all_.balancer.http_port))
            assert not list(tmp_path.glob("*.sock"))
            writer.close()

    asyncio.run(play())


def test_without_haproxy_it_says_what_to_install_and_goes_on_when_it_is_there(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        program = tmp_path / "bin" / "haproxy"
        program.parent.mkdir()
        marathon = await FakeMarathon().start()
        balancer = Balancer(tmp_path / "lb", marathon.url, ("--haproxy", str(program)))
        await balancer.start(wait=False)
        try:

            async def says_so() -> bool:
                answer = await get(balancer.port, "/health")
                health = json.loads(answer.body)
                return answer.status == 200 and health["haproxy"] == "missing"

            await until(says_so)
            health = json.loads((await get(balancer.port, "/health")).body)
            assert "apt-get install haproxy" in health["reason"]
            assert (await get(balancer.port, "/_haproxy_health_check")).status == 503
            assert (await get(balancer.port, "/v1/services")).status == 200
            assert (await get(balancer.port, "/haproxy?stats;csv")).status == 503

            program.write_text(f'#!/bin/sh\nexec {shutil.which("haproxy")} "$@"\n')
            program.chmod(0o755)
            await until(balancer.is_ready)
        finally:
            await balancer.stop()
            await marathon.stop()

    asyncio.run(play())


def test_the_admin_endpoints_of_marathon_lb_answer(tmp_path: Path) -> None:
    """Source: marathon-lb, README, "Control Endpoints"; zdd.py reads the CSV and the pids."""

    async def play() -> None:
        async with world(tmp_path, tasks=1) as all_:
            web = next(iter(all_.webs.values()))
            port = all_.balancer.port

            csv = (await get(port, "/haproxy?stats;csv")).text
            assert csv.startswith("# pxname,svname,")
            assert f"\nweb_{all_.port},127_0_0_1_{web.port}," in csv
            pids = (await get(port, "/_haproxy_getpids")).text.split()
            assert all(is_running(int(pid)) for pid in pids) and len(pids) == 2
            assert f"frontend web_{all_.port} " in (await get(port, "/_haproxy_getconfig")).text
            vhosts = (await get(port, "/_haproxy_getvhostmap")).text
            assert vhosts == f"web.example.com web_{all_.port}\n"
            assert (await get(port, "/_haproxy_getappmap")).text == f"/web web_{all_.port}\n"
            assert (await get(port, "/_haproxy_health_check")).status == 200
            metrics = (await get(port, "/metrics")).text
            assert "tepui_lb_haproxy_up 1" in metrics
            assert "haproxy_server_current_sessions" in metrics

    asyncio.run(play())


def test_a_marathon_that_went_away_is_followed_again(tmp_path: Path) -> None:
    async def play() -> None:
        async with world(tmp_path) as all_:
            all_.load(clients=2)
            await all_.marathon.stop()
            await all_.more_answers()
            again = FakeMarathon(all_.marathon.apps, all_.marathon.port)
            all_.marathon = await again.start()

            await all_.add("after")
            await until(all_.serves("after"))

            assert all_.failures() == []

    asyncio.run(play())


def test_a_directory_with_a_very_long_path_will_do(tmp_path: Path) -> None:
    """Source: unix(7): the path of a socket has at most 107 bytes."""

    async def play() -> None:
        async with world(tmp_path / ("long-" * 30)) as all_:
            await all_.remove(next(iter(all_.webs)))
            assert await all_.is_served()

    asyncio.run(play())
