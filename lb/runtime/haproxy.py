"""Carries out what the machine wants of HAProxy, one operation at a time, and says how it went.

A configuration is checked with `haproxy -c` beside the one in use, put in place by rename, and
counts as applied when the new worker shows its fingerprint; otherwise the former file comes back
and the former worker goes on. When a check fails, the apps at fault are found by halving.
Source: HAProxy 2.6, management guide, §3, §4 and §9.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from lb import events as e
from lb.diff import Change, Key, RemoveServer, commands
from lb.model import Model
from lb.render import Rendered, Settings, render
from lb.runtime import ports
from lb.runtime.files import Files, complaint
from lb.runtime.process import Process, find_program
from lb.runtime.sockets import ANSWER_TIMEOUT_S, TROUBLE, Sockets
from lb.stats import (
    Processes,
    Running,
    fingerprint_of,
    parse_backend_ids,
    parse_backends,
    parse_info,
    parse_processes,
    parse_servers,
    parse_stat,
    sessions_of,
)

log = logging.getLogger(__name__)

SERVING_TIMEOUT_S = 10.0
POLL_S = 0.005
STAT_BACKENDS_MAX = 50  # more than that: read all servers at once
# What HAProxy answers when all is well; anything else is a problem worth a sentence.
_FINE = ("", "New server registered.", "Server deleted.")


class Haproxy:
    """The HAProxy of one work directory. `post` takes the events that answer operations."""

    def __init__(
        self,
        directory: Path,
        program: str,
        settings: Settings,
        post: Callable[[e.Event], None],
    ) -> None:
        self._settings = settings
        self._post = post
        self._program = program
        self._backend_ids: dict[str, int] = {}
        self.files = Files(directory, program, settings)
        self.process = Process(directory, program, self._on_exit)
        self.sockets = Sockets(directory, lambda: self.process.is_alive)

    async def look(self) -> None:
        """First of all: is one running from before?"""
        if self.process.find():
            try:
                self._post(e.HaproxyFound(await self._running()))
                return
            except TROUBLE as problem:
                log.warning("HAProxy from before does not answer (%s); starting anew", problem)
                await self.process.stop()
        self._post(e.HaproxyAbsent())

    async def apply(self, model: Model) -> None:
        """Answers with ConfigApplied, ConfigRefused, StartFailed or HaproxyUnreachable."""
        if self._is_missing():
            return
        began = asyncio.get_running_loop().time()
        rendered = render(model, self._settings)
        refused = await self._refusals(model, rendered)
        if refused is not None:
            self._post(refused)
            return
        was_running = self.process.is_alive
        self.files.put_in_place(rendered)
        problem = await self._serve(rendered.fingerprint)
        took_ms = int((asyncio.get_running_loop().time() - began) * 1000)
        if problem is None:
            await self._answer_applied(model, took_ms, was_running)
            return
        self.files.put_back()
        if was_running and self.process.is_alive:
            reason = f"the new configuration was refused, the former one goes on: {problem}"
            self._post(e.ConfigRefused(rendered.fingerprint, reason))
        elif was_running:
            self._post(e.HaproxyUnreachable(problem))
        else:
            self._post(e.StartFailed(problem))

    async def start_last_good(self) -> None:
        """Answers with ConfigApplied or StartFailed."""
        if self._is_missing():
            return
        empty = render(Model(), self._settings)
        if not await self.files.is_startable():
            self.files.put_in_place(empty)
        problem = await self._serve(None)
        if problem is not None:
            # Perhaps a service port of old is somebody else's by now.
            self.files.put_in_place(empty)
            problem = await self._serve(None)
        if problem is None:
            await self._answer_applied(None, 0, False)
        else:
            self._post(e.StartFailed(problem))

    async def change(self, changes: Sequence[Change]) -> None:
        """Answers with ServersChanged or HaproxyUnreachable."""
        lines = [(change, line) for change in changes for line in commands(change)]
        try:
            answers = await self.sockets.ask([line for _, line in lines])
        except TROUBLE as trouble:
            self._post(e.HaproxyUnreachable(f"HAProxy does not answer: {trouble!r}"))
            return
        failed: dict[Key, str] = {}
        problems: list[str] = []
        for (change, line), answer in zip(lines, answers, strict=True):
            if answer not in _FINE:
                failed.setdefault(change.key, answer)
                if not isinstance(change, RemoveServer):  # a connection may linger: tried again
                    problems.append(f"'{line}': {answer.splitlines()[0]}")
        done = tuple(change for change in changes if change.key not in failed)
        for problem in problems:
            log.warning("HAProxy refused %s", problem)
        self._post(e.ServersChanged(done, tuple(problems)))

    async def read_servers(self) -> None:
        """Answers with ServersRead or HaproxyUnreachable."""
        try:
            running = await self._running()
        except TROUBLE as trouble:
            self._post(e.HaproxyUnreachable(f"HAProxy does not answer: {trouble!r}"))
            return
        self.process.shorten_log()
        self._post(e.ServersRead(running))

    async def read_sessions(self, keys: Sequence[Key]) -> None:
        """Answers with SessionsRead or HaproxyUnreachable."""
        backends = dict.fromkeys(backend for backend, _ in keys)
        # By number: a name means the frontend of that name.
        numbers = [self._backend_ids.get(backend) for backend in backends]
        if len(numbers) > STAT_BACKENDS_MAX or None in numbers:
            numbers = [-1]
        lines = [f"show stat {number} 4 -1" for number in numbers]
        try:
            answers = await self.sockets.ask(lines) if lines else []
            processes = await self.processes()
        except TROUBLE as trouble:
            self._post(e.HaproxyUnreachable(f"HAProxy does not answer: {trouble!r}"))
            return
        counts: dict[Key, int] = {}
        for answer in answers:
            counts |= sessions_of(parse_stat(answer))
        self._post(e.SessionsRead(counts, len(processes.leaving)))

    def save(self, model: Model) -> None:
        """The file for the next start: only servers differ from the one that was checked."""
        try:
            self.files.save(render(model, self._settings))
        except OSError as problem:
            log.warning("the configuration for the next start cannot be saved: %s", problem)

    async def stop(self) -> None:
        await self.process.stop()
        self.sockets.close()

    async def processes(self, patience_s: float = ANSWER_TIMEOUT_S) -> Processes:
        return parse_processes(await self.sockets.ask_master("show proc", patience_s))

    async def stat(self) -> str:
        """The statistics of all frontends, backends and servers, as CSV."""
        return (await self.sockets.ask(["show stat"]))[0]

    def _is_missing(self) -> bool:
        if self.process.is_alive or find_program(self._program) is not None:
            return False
        sentence = "there is no haproxy program: install HAProxy (apt-get install haproxy)"
        self._post(e.StartFailed(sentence, is_missing=True))
        return True

    async def _answer_applied(self, model: Model | None, took_ms: int, was_reload: bool) -> None:
        try:
            running = await self._running()
        except TROUBLE as trouble:
            self._post(e.HaproxyUnreachable(f"HAProxy does not answer: {trouble!r}"))
            return
        if not self.process.is_alive:
            self._post(e.HaproxyUnreachable("HAProxy ended just after it was started"))
            return
        self._post(e.ConfigApplied(running, model, took_ms, was_reload))

    def _on_exit(self, reason: str) -> None:
        self._post(e.HaproxyStopped(reason))

    async def _running(self) -> Running:
        info, backends, servers = await self.sockets.ask(
            ["show info", "show backend", "show servers state"]
        )
        processes = await self.processes()
        self._backend_ids = parse_backend_ids(servers)
        return Running(
            fingerprint=fingerprint_of(parse_info(info)),
            backends=parse_backends(backends),
            servers=parse_servers(servers),
            leaving_workers=len(processes.leaving),
        )

    async def _refusals(self, model: Model, rendered: Rendered) -> e.ConfigRefused | None:
        """What speaks against this configuration: ports that are taken, HAProxy's own check."""
        taken = await asyncio.to_thread(ports.refused, model.backends, self.process.pid)
        if taken:
            reason = "; ".join(taken[name] for name in sorted(taken))
            return e.ConfigRefused(rendered.fingerprint, reason, taken)
        problem = await self.files.check_candidate(rendered)
        if problem is None:
            return None
        culprits = await self.files.culprits(model)
        return e.ConfigRefused(rendered.fingerprint, f"haproxy -c: {problem}", culprits)

    async def _serve(self, fingerprint: str | None) -> str | None:
        """Start or reload; None once a worker shows the fingerprint, else why none does."""
        offset = self.process.log_size()
        failed_before = 0
        try:
            if self.process.is_alive:
                failed_before = (await self.processes()).failed_reloads
                self.process.reload()
            else:
                self.process.start()
                offset = 0 if self.process.log_size() < offset else offset
        except TROUBLE as trouble:
            return f"HAProxy could not be started or reloaded: {trouble!r}"
        deadline = asyncio.get_running_loop().time() + SERVING_TIMEOUT_S
        while asyncio.get_running_loop().time() < deadline:
            if not self.process.is_alive:
                return complaint(self.process.log_since(offset)) or "HAProxy ended at once"
            try:
                info = parse_info((await self.sockets.ask(["show info"]))[0])
                if fingerprint is None or fingerprint_of(info) == fingerprint:
                    return None
                if (await self.processes()).failed_reloads > failed_before:
                    return complaint(self.process.log_since(offset)) or "the reload failed"
            except TROUBLE:
                pass  # it is just starting
            await asyncio.sleep(POLL_S)
        return f"HAProxy did not serve the new configuration within {SERVING_TIMEOUT_S:.0f} s"
