"""A framework of your own: subclass `Framework`, submit tasks, hear how they fare.

The shell of `kernel.framework.workload`: the connection to whichever master leads, the file of
what must survive, the callbacks. Runs on Tepui and on Mesos. A framework that decides more than
whether to try again is a machine of its own around `kernel.framework.scheduler`, as Marathon is.
See docs/framework-sdk.md.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kernel.framework.matching import Taken
from kernel.framework.session import (
    CAPABILITIES,
    FAILOVER_TIMEOUT_S,
    framework_info,
    is_used_up,
)
from kernel.framework.task import Task, TaskRecord, task_info
from kernel.framework.workload import (
    CallRequested,
    KillRequested,
    SchedulerDisconnected,
    SchedulerEventReceived,
    SendCall,
    TaskForgotten,
    TaskSubmitted,
    TeardownRequested,
    TellEvent,
    TellSubscribed,
    TellUpdated,
    Workload,
    WorkloadEffect,
    WorkloadEvent,
)
from kernel.messages.scheduler import Call, Event
from kernel.messages.v1 import Offer, TaskInfo, TaskStatus
from kernel.runtime.client import HttpClient
from kernel.runtime.driver import Driver
from kernel.runtime.leader_finder import master_urls
from kernel.runtime.scheduler_client import SchedulerClient
from kernel.runtime.unix_user import own_user
from kernel.store import open_store

log = logging.getLogger(__name__)

TEARDOWN_TIMEOUT_S = 10.0
LAST_WORDS_TIMEOUT_S = 5.0


class FrameworkRefused(Exception):
    """The master does not want this framework: its role, its credentials, or because another
    process subscribed under the same id. The text is the master's."""


class Framework:
    """One framework, for the life of one process. Everything here belongs to the event loop.

    `masters` are addresses as `host:port` or URLs (`http://principal:secret@host:port`), with
    commas between several; whichever leads is found. `state` is the file of what must survive this
    process; with None nothing does, and a restart is a new framework. `failover_timeout_s` is for
    how long the tasks outlive this process before the master ends them.
    """

    def __init__(
        self,
        name: str,
        *,
        masters: str,
        state: str | Path | None = None,
        role: str = "*",
        user: str | None = None,
        failover_timeout_s: float = FAILOVER_TIMEOUT_S,
        principal: str | None = None,
        webui_url: str | None = None,
        capabilities: Sequence[str] = CAPABILITIES,
    ) -> None:
        self._masters = master_urls(masters)
        if not self._masters:
            raise ValueError(f"masters: '{masters}' names no master: write host:port, with commas")
        self._name, self._state = name, state
        info = framework_info(
            name,
            user=user or own_user(),
            roles=[role],
            failover_timeout_s=failover_timeout_s,
            capabilities=capabilities,
            principal=principal,
            webui_url=webui_url,
        )
        self._workload = Workload(info, accepts=self.accepts, makes_task_info=self.task_info)
        self._driver: Driver[WorkloadEvent, WorkloadEffect] | None = None
        self._done: asyncio.Future[None] | None = None
        self._has_failed = False
        self._table: dict[type, Callable[[Any], None]] = {
            TellSubscribed: lambda effect: self.subscribed(),
            TellUpdated: lambda effect: self.updated(effect.record, effect.status),
            TellEvent: lambda effect: self._on_other_event(effect.event),
        }

    # --- for you to override; none may block -----------------------------------------------------
    def subscribed(self) -> None:
        """The master knows us: on the first connection, and again on each one that follows."""

    def updated(self, task: TaskRecord, status: TaskStatus | None) -> None:
        """A task fares as `task.state` says. At least once for each update: it counts as told
        when this returns. `status` is what the master said, None for a task that `kill` kept from
        being launched. What is raised here ends `run`, and is told again next time."""

    def accepts(self, task: Task, offer: Offer) -> bool:
        """Whether the task may run on the offer's agent (its attributes, say)."""
        return True

    def task_info(self, task: Task, offer: Offer, taken: Taken) -> TaskInfo:
        """What is launched: for containers, health checks and executors of your own."""
        return task_info(task, offer, taken)

    def received(self, event: Event) -> None:
        """What else the master says: MESSAGE and FAILURE."""

    # --- what you can say, once `run` runs -------------------------------------------------------
    @property
    def tasks(self) -> Mapping[str, TaskRecord]:
        """All that were submitted and not forgotten, by id, also by earlier processes."""
        return self._workload.records.by_id

    @property
    def framework_id(self) -> str | None:
        """None until the master has given one."""
        return self._workload.scheduler.framework_id

    def why_waiting(self, task_id: str) -> str:
        """Why the last offer was no good for a task, as a sentence; empty if none came."""
        return self._workload.records.shortages.get(task_id, "")

    def submit(self, task: Task) -> None:
        """Run it, once there is room. Its id is used up by this: submitting it again, in this
        process or a later one, does nothing. Raises `TaskInvalid`."""
        task.check()
        self._post(TaskSubmitted(task))

    def kill(self, task_id: str) -> None:
        """End a task, however often it takes to say so."""
        self._post(KillRequested(task_id))

    def forget(self, task_id: str) -> None:
        """Drop the record of a task that is over, so that they do not gather."""
        self._post(TaskForgotten(task_id))

    def say(self, call: Call) -> None:
        """Any other call of `kernel.framework.calls`: MESSAGE and SHUTDOWN to executors, say. At
        most once; lost while there is no subscription."""
        self._post(CallRequested(call))

    def stop(self, *, teardown: bool = False) -> None:
        """End `run`. Tasks run on and are found again next time; with `teardown` they are killed,
        and all is forgotten, here and by the master."""
        if not teardown:
            self._end(None)
            return
        self._post(TeardownRequested())
        asyncio.get_running_loop().call_later(TEARDOWN_TIMEOUT_S, self._end, None)

    # --- life ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Until `stop`. Raises `FrameworkRefused`, what `updated` raised, or `StoreError` when
        the state cannot be had: another process uses it, say."""
        store = open_store(_store_url(self._state))
        client = HttpClient()
        try:
            term = store.lead(f"{self._name} {os.getpid()}")
            self._workload.restore(store.load())
            self._driver = Driver(self._workload, self._perform, store=store, term=term)
            connection = SchedulerClient(
                client,
                self._masters,
                subscribe=self._workload.subscribe_call,
                on_event=lambda event: self._post(SchedulerEventReceived(event)),
                on_disconnected=self._on_disconnected,
                on_turned_away=lambda status, text: self._end(
                    FrameworkRefused(f"{status}: {text or 'without a word'}")
                ),
            )
            self._table[SendCall] = lambda effect: connection.send(effect.call)
            self._done = asyncio.get_running_loop().create_future()
            self._driver.start()
            subscribing = asyncio.ensure_future(connection.run())
            try:
                await self._done
                await self._driver.settled()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(connection.sent(), LAST_WORDS_TIMEOUT_S)
            finally:
                subscribing.cancel()
                self._driver.stop()
        finally:
            await client.close()
            store.close()

    def _on_disconnected(self) -> None:
        self._post(SchedulerDisconnected())
        if self._workload.is_torn_down:
            self._end(None)

    def _post(self, event: WorkloadEvent) -> None:
        if self._driver is None:
            raise RuntimeError("run() comes first; submit tasks in subscribed()")
        self._driver.post(event)

    def _perform(self, effect: WorkloadEffect) -> None:
        """Once something has gone wrong nothing more leaves, no acknowledgement above all, and
        nothing more is made durable: it is all told again next time."""
        if self._has_failed:
            return
        try:
            self._table[type(effect)](effect)
        except Exception as error:
            self._end(error)

    def _on_other_event(self, event: Event) -> None:
        if event.error is None:
            self.received(event)
        elif is_used_up(event.error.message):
            log.warning("%s: subscribing as a new framework", event.error.message)
        else:
            raise FrameworkRefused(event.error.message)

    def _end(self, error: Exception | None) -> None:
        if error is not None and self._driver is not None:
            self._has_failed = True
            self._driver.stop()
        if self._done is None or self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


def _store_url(state: str | Path | None) -> str:
    return "memory://" if state is None else f"sqlite:///{Path(state).absolute()}"
