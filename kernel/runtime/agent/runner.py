"""The runner: one small process per agent that starts the agent's tasks and outlives the agent.

It carries out orders that come over a unix socket (one JSON object per line), reports what it saw
and decides nothing about task states. It keeps no state that is not also in the record
directories (`launched`, `task`, `exit`), so that a new runner can take over after a kill -9.
It sleeps until something happens: children by SIGCHLD, adopted processes by pidfd, out of memory
by eventfd. Started by `runner_link` as `python -m`; imports almost nothing, to stay near 11 MiB.
"""

import json
import os
import select
import signal
import socket
import sys

from kernel.runtime.agent import cgroups, record
from kernel.runtime.agent.identity import Identity, set_subreaper
from kernel.runtime.agent.memory_watch import MemoryWatch
from kernel.runtime.agent.readiness import AgentLine, Readiness
from kernel.runtime.agent.run import Run, spawn

IDLE_END_MS = 10_000  # without an agent and without a task there is nothing to outlive
SWEEP_MS = 10  # between two tries to remove a group whose last member is still dying
SWEEPS_MAX = 300  # then the leftover is reported and left alone (a process in state D)
TASK_FILE_TRIES = 50
ORDERS_PER_TURN = 8  # between two looks at what the tasks say


class Runner:
    """Runs by name; everything else is the event loop's."""

    def __init__(self, listener: socket.socket, name: str, tools: dict[str, str]) -> None:
        self.tools = tools
        self.isolation = cgroups.detect(name)
        self.runs: dict[str, Run] = {}
        self.by_recorder: dict[int, Run] = {}
        self.ending = False
        self.leaving = False
        self.readiness = Readiness()
        self.memory = MemoryWatch(self.readiness, self.kill)
        self.line = AgentLine(self.readiness, listener, self.greet)
        self.news_read, self.news_write = os.pipe()
        os.set_blocking(self.news_read, False)
        self.wakes = socket.socketpair()
        for end in self.wakes:
            end.setblocking(False)
        signal.set_wakeup_fd(self.wakes[1].fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.leave)
        self.readiness.watch(self.news_read, self.read_news)
        self.readiness.watch(self.wakes[0].fileno(), self.reap)

    def loop(self) -> None:
        """Until told to end, or until there is nothing to outlive."""
        while not self.leaving and not (self.ending and not self.runs):
            sweeping = [run for run in self.runs.values() if run.end_waits is not None]
            is_idle = not self.line.connected and not any(
                run.ended is None for run in self.runs.values()
            )
            timeout_ms = SWEEP_MS if sweeping else IDLE_END_MS if is_idle else None
            came = self.readiness.turn(0 if self.line.orders else timeout_ms)
            if not came and is_idle and not sweeping and not self.line.orders:
                return
            for _ in range(min(ORDERS_PER_TURN, len(self.line.orders))):
                self.obey(self.line.orders.popleft())
            for run in sweeping:
                self.sweep(run)
            self.line.flush()

    def leave(self, *_: object) -> None:
        """SIGTERM: the tasks live on; the groups go if no task needs them."""
        self.leaving = True

    def greet(self) -> None:
        notes = self.isolation.notes
        enforced = [name for name in cgroups.WANTED if self.isolation.enforces(name)]
        self.tell({"is": "runner", "pid": os.getpid(), "notes": notes, "enforced": enforced})

    def tell(self, news: dict) -> None:  # type: ignore[type-arg]
        self.line.tell(news)

    def obey(self, order: dict) -> None:  # type: ignore[type-arg]
        word, name = order["do"], order.get("run", "")
        run = self.runs.get(name)
        if word == "start":
            self.start(name, order)
        elif word == "adopt":
            self.adopt(name, order)
        elif word == "signal" and run is not None and run.task is not None:
            run.task.signal_group(int(order["signal"]))
        elif word == "kill" and run is not None:
            self.kill(run)
        elif word == "limit" and run is not None:
            cgroups.adjust(self.isolation, run.groups, order["limits"])
        elif word == "forget" and run is not None and run.ended is not None:
            del self.runs[name]
        elif word == "keep":
            self.keep(order["runs"])
        elif word == "shutdown":
            self.shutdown()

    def keep(self, known: list) -> None:  # type: ignore[type-arg]
        """What the agent knows nothing of is nobody's: its end is forgotten, its life ended."""
        for run in list(self.runs.values()):
            if run.run in known:
                continue
            if run.ended is not None:
                del self.runs[run.run]
            else:
                self.kill(run)

    # -- starting ---------------------------------------------------------------------------

    def start(self, name: str, order: dict) -> None:  # type: ignore[type-arg]
        """Start a run unless it was started before, by us or by a runner that is gone."""
        if name in self.runs:
            self.report(self.runs[name])
            return
        try:
            is_first = record.mark_launched(order["record"])
        except OSError as error:
            self.refuse(name, f"The record directory can't be written: {error}")
            return
        if not is_first:
            self.adopt(name, order)
            return
        run = self.runs[name] = Run(name, order)
        run.groups, problem = cgroups.create(self.isolation, name, order.get("limits", {}))
        if problem:
            self.refuse(name, problem)
            return
        try:
            record.write_groups(run.record, run.groups)
            run.recorder = spawn(run, order, self.tools, self.news_write)
        except OSError as error:
            cgroups.remove(run.groups)
            self.refuse(name, f"The recorder can't be started: {error}")
            return
        self.by_recorder[run.recorder] = run
        self.memory.watch(run)

    def refuse(self, name: str, why: str) -> None:
        self.runs.pop(name, None)
        self.tell({"is": "refused", "run": name, "message": why})

    def read_news(self, _events: int) -> None:
        """`<run> started <stat>` or `<run> refused <file>`, each one atomic write to the pipe."""
        try:
            text = os.read(self.news_read, 1 << 16).decode(errors="replace")
        except BlockingIOError:
            return
        for line in text.splitlines():
            name, word, rest = (line.split(" ", 2) + ["", ""])[:3]
            run = self.runs.get(name)
            if run is None:
                continue
            if word == "started":
                run.task = Identity.parse(rest)
                self.report(run)
            else:
                self.tell({"is": "refused", "run": name, "message": f"{rest} can't be joined"})

    # -- taking over ------------------------------------------------------------------------

    def adopt(self, name: str, order: dict) -> None:  # type: ignore[type-arg]
        """Find a run that an earlier runner started: alive, ended, or ended unseen."""
        if name in self.runs:
            self.report(self.runs[name])
            return
        run = self.runs[name] = Run(name, order)
        run.groups = record.groups_in(run.record)
        recorder_pid = record.recorder_of(name, run.record)
        for _ in range(TASK_FILE_TRIES if recorder_pid else 1):
            text = record.read(run.record + "/task")
            if text:
                run.task = Identity.parse(text)
                break
            select.select([], [], [], SWEEP_MS / 1000)  # its recorder is about to write it
        if recorder_pid:
            self.attach(run, recorder_pid)
        elif run.task is not None and run.task.is_alive():
            self.attach(run, run.task.pid)  # the recorder was killed: the end will be unknown
        else:
            self.end(run, record.status_in(run.record), "")

    def attach(self, run: Run, pid: int) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            self.end(run, record.status_in(run.record), "")
            return

        def gone(_events: int) -> None:
            self.readiness.unwatch(pidfd)
            os.close(pidfd)
            if run.task is not None and run.task.pid != pid and run.task.is_alive():
                self.attach(run, run.task.pid)
            else:
                self.end(run, record.status_in(run.record), "")

        self.readiness.watch(pidfd, gone)
        self.memory.watch(run)
        self.report(run)

    # -- ending -----------------------------------------------------------------------------

    def reap(self, _events: int) -> None:
        try:
            while self.wakes[0].recv(4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            run = self.by_recorder.pop(pid, None)
            if run is not None:
                self.read_news(0)  # a short task's start may lie in the pipe still
                self.recorder_ended(run, status)

    def recorder_ended(self, run: Run, status: int) -> None:
        if os.WIFEXITED(status):
            self.end(run, os.WEXITSTATUS(status), "")
        elif run.task is not None and run.task.is_alive():
            self.attach(run, run.task.pid)
        else:
            self.end(run, record.status_in(run.record), "")

    def kill(self, run: Run) -> None:
        """SIGKILL to all of a run's processes, wherever they fled; the recorder lives to tell."""
        if run.groups:
            cgroups.kill(run.groups)
        else:
            for leftover in Identity.leftovers(run.task, run.sandbox):
                leftover.signal(signal.SIGKILL)

    def end(self, run: Run, status: int | None, problem: str) -> None:
        """The task is over: end what it left behind, then tell."""
        limit, peak, _ = cgroups.memory_figures(run.groups)
        memory = run.killed_for_memory or cgroups.oom_kills(run.groups) > 0
        exact = run.task.wait_status() if run.task is not None else None
        news: dict = {  # type: ignore[type-arg]
            "is": "ended",
            "run": run.run,
            "status": status,
            "exact": exact,
            "message": problem,
        }
        if memory:
            news["memory"] = {"limit": limit, "peak": peak}
        self.memory.unwatch(run)
        self.kill(run)
        run.end_waits = news
        self.sweep(run)

    def sweep(self, run: Run) -> None:
        """Remove the groups as soon as the last process has left them; only then tell."""
        if run.end_waits is None:
            return
        run.sweeps += 1
        if not cgroups.remove(run.groups) and run.sweeps < SWEEPS_MAX:
            cgroups.kill(run.groups)
            return
        if run.task is not None:
            run.task.close()
        run.ended, run.end_waits = run.end_waits, None
        self.report(run)
        if self.ending:
            self.runs.pop(run.run, None)

    def report(self, run: Run) -> None:
        if run.ended is not None:
            self.tell(run.ended)
        elif run.end_waits is None and run.task is not None:
            self.tell({"is": "started", "run": run.run, "pid": run.task.pid})

    def shutdown(self) -> None:
        """The agent ends for good: kill all, remove all, end."""
        self.ending = True
        for run in list(self.runs.values()):
            if run.ended is not None:
                del self.runs[run.run]
            else:
                self.kill(run)

    def close(self) -> None:
        left = {base: base for base in self.isolation.bases()}
        for _ in range(TASK_FILE_TRIES if not self.leaving else 1):
            if cgroups.remove(left):
                break
            select.select([], [], [], SWEEP_MS / 1000)  # the kernel lags a little behind rmdir
        self.tell({"is": "gone"})
        self.line.flush()


def main(argv: list[str]) -> None:
    """argv: descriptor of the listening socket, name of the groups, tools as JSON."""
    listener = socket.socket(fileno=int(argv[0]))
    listener.set_inheritable(False)  # a task that held it would keep new runners away
    listener.setblocking(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    set_subreaper()
    os.chdir("/")
    runner = Runner(listener, argv[1], json.loads(argv[2]))
    runner.loop()
    runner.close()


if __name__ == "__main__":
    main(sys.argv[1:])
