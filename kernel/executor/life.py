"""One command task's life, from the sandbox to the last word about it.

Decides states, reasons and message texts as Mesos's command executor does; where Mesos says nothing
(an exit that nobody saw), the truth is said. Source: Mesos, src/launcher/executor.cpp; recordings.
"""

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from kernel.executor import checks
from kernel.executor.checks import Check, Inquiry, Verdict
from kernel.executor.talk import (
    AbandonSandbox,
    AdoptProcess,
    CheckTask,
    Effect,
    ForgetProcess,
    KillProcess,
    LifeRecovered,
    MemoryEnd,
    Orders,
    PrepareSandbox,
    ProbeTask,
    ProcessEnded,
    ReportStatus,
    SandboxFailed,
    SignalProcess,
    StartProcess,
)
from kernel.messages.v1 import CheckStatusInfo
from kernel.model.task import Source, TaskState

HEALTH_UPDATED = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
CHECK_UPDATED = "REASON_TASK_CHECK_STATUS_UPDATED"
COMPLETION_GRACE_MS = 100  # Mesos takes no grace here; so much lets SIGTERM be the end's name
KILL_AGAIN_MS = 2_000  # a process in state D may not die at once
_SIGNAL_BASE = 128  # `$?` of a process that a signal ended
_SIGNALS_MAX = 64
_MIB = 1024 * 1024

#: As strsignal(3) says them, because Mesos's messages do.
SIGNAL_NAMES = {
    1: "Hangup",
    2: "Interrupt",
    3: "Quit",
    4: "Illegal instruction",
    5: "Trace/breakpoint trap",
    6: "Aborted",
    7: "Bus error",
    8: "Floating point exception",
    9: "Killed",
    10: "User defined signal 1",
    11: "Segmentation fault",
    12: "User defined signal 2",
    13: "Broken pipe",
    14: "Alarm clock",
    15: "Terminated",
    24: "CPU time limit exceeded",
    25: "File size limit exceeded",
    31: "Bad system call",
}


class Stage(Enum):
    PREPARING = "preparing"
    ORDERED = "ordered"  # to the runner; whether it started is not known yet
    RUNNING = "running"
    OVER = "over"


class Life(Struct):
    """`kill_due_ms` is the next SIGKILL while a kill is under way; `killing` never goes back."""

    run: str
    orders: Orders
    stage: Stage = Stage.PREPARING
    state: TaskState = TaskState.STAGING
    killing: bool = False
    grace_ms: int = 0
    kill_due_ms: int | None = None
    completion_due_ms: int | None = None
    completion_overdue: bool = False
    given_up: bool = False  # by its health check
    check: Check | None = None
    inquiry: Inquiry | None = None

    def next_deadline_ms(self) -> int | None:
        due = [self.kill_due_ms, self.completion_due_ms]
        due += [each.due_ms for each in (self.check, self.inquiry) if each and not self.killing]
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    # -- how it begins ----------------------------------------------------------------------

    def begin(self, now_ms: int) -> list[Effect]:
        if self.orders.completion_ms_max is not None:
            self.completion_due_ms = now_ms + self.orders.completion_ms_max
        if self.orders.check is not None:
            self.inquiry = checks.inquiry(self.orders.check)
        return [PrepareSandbox(self.run)]

    def recover(self, event: LifeRecovered, now_ms: int) -> list[Effect]:
        """Nothing is assumed: the process is asked after first (`ask_again`)."""
        self.stage, self.state, self.killing = Stage.ORDERED, event.state, event.killing
        self.grace_ms = self.orders.grace_ms
        if self.orders.completion_ms_max is not None:
            left_ms = self.orders.completion_ms_max - event.age_ms
            self.completion_due_ms = now_ms + max(0, left_ms)
        if self.orders.health is not None and event.state is TaskState.RUNNING:
            health = self.orders.health
            self.check = checks.resume(health, now_ms, event.age_ms, event.healthy)
        if self.orders.check is not None:
            self.inquiry = checks.inquiry(self.orders.check, event.check_status)
            if event.state is TaskState.RUNNING:
                self.inquiry.begin(event.age_ms, now_ms)
        return []

    def ask_again(self) -> list[Effect]:
        """There is a runner, perhaps a new one."""
        return [AdoptProcess(self.run)] if self.stage in (Stage.ORDERED, Stage.RUNNING) else []

    def prepared(self) -> list[Effect]:
        if self.stage is not Stage.PREPARING:
            return []
        self.stage = Stage.ORDERED
        return [*self._advance(TaskState.STARTING), StartProcess(self.run)]

    def absent(self) -> list[Effect]:
        """It was ordered but no runner ever started it, so it may be started now."""
        if self.stage is not Stage.ORDERED:
            return []
        if self.killing:
            return self._over(_killed_before_start(self))
        self.stage = Stage.PREPARING
        return [PrepareSandbox(self.run)]

    def started(self, now_ms: int) -> list[Effect]:
        if self.stage is not Stage.ORDERED:
            return []
        self.stage = Stage.RUNNING
        effects: list[Effect] = []
        if not self.killing:
            effects += self._advance(TaskState.RUNNING)
            if self.orders.health is not None and self.check is None:
                self.check = checks.begin(self.orders.health, now_ms)
            if self.inquiry is not None and self.inquiry.due_ms is None:
                self.inquiry.begin(0, now_ms)
            return effects
        if self.state is not TaskState.KILLING:
            effects += self._advance(TaskState.RUNNING)
        return effects + self._terminate(now_ms)

    # -- how it is ended --------------------------------------------------------------------

    def kill(self, grace_ms: int | None, now_ms: int) -> list[Effect]:
        wanted_ms = self.orders.grace_ms if grace_ms is None else grace_ms
        if self.stage is Stage.OVER:
            return []
        if self.killing:  # asked again: may only make it sooner
            if self.kill_due_ms is not None:
                self.kill_due_ms = min(self.kill_due_ms, now_ms + wanted_ms)
            self.grace_ms = min(self.grace_ms, wanted_ms)
            return []
        self.killing, self.grace_ms = True, wanted_ms
        if self.stage is Stage.PREPARING:
            return [AbandonSandbox(self.run), *self._over(_killed_before_start(self))]
        return self._terminate(now_ms) if self.stage is Stage.RUNNING else []

    def deadline(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.completion_due_ms is not None and self.completion_due_ms <= now_ms:
            self.completion_due_ms = None
            self.completion_overdue = not self.killing
            effects += self.kill(COMPLETION_GRACE_MS, now_ms)
        if self.kill_due_ms is not None and self.kill_due_ms <= now_ms:
            self.kill_due_ms = now_ms + KILL_AGAIN_MS
            effects.append(KillProcess(self.run))
        if self.killing or self.stage is not Stage.RUNNING:
            return effects
        for each, probe in ((self.check, ProbeTask), (self.inquiry, CheckTask)):
            if each is not None and each.due_ms is not None and each.due_ms <= now_ms:
                each.probe_begins()
                effects.append(probe(self.run))
        return effects

    def probed(self, healthy: bool, now_ms: int) -> list[Effect]:
        if self.check is None or self.killing or self.stage is not Stage.RUNNING:
            return []
        verdict = self.check.finished(healthy, now_ms)
        if verdict is Verdict.NOTHING:
            return []
        effects: list[Effect] = [self._report(TaskState.RUNNING, reason=HEALTH_UPDATED)]
        if verdict is Verdict.HOPELESS:
            self.given_up = True
            effects += self.kill(None, now_ms)
        return effects

    def checked(self, status: CheckStatusInfo | None, now_ms: int) -> list[Effect]:
        if self.inquiry is None or self.killing or self.stage is not Stage.RUNNING:
            return []
        if not self.inquiry.finished(status, now_ms):
            return []
        return [self._report(TaskState.RUNNING, reason=CHECK_UPDATED)]

    def _terminate(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.orders.killing_state:
            effects += self._advance(TaskState.KILLING)
        if self.orders.kills_at_once:
            self.kill_due_ms = now_ms + KILL_AGAIN_MS
            return [*effects, KillProcess(self.run)]
        self.kill_due_ms = now_ms + self.grace_ms
        return [*effects, SignalProcess(self.run)]

    # -- how it ended -----------------------------------------------------------------------

    def failed(self, event: SandboxFailed) -> list[Effect]:
        if self.stage is not Stage.PREPARING:
            return []
        return self._launch_failed(event.message, event.reason)

    def refused(self, message: str) -> list[Effect]:
        if self.stage is not Stage.ORDERED:
            return []
        return self._launch_failed(message, "REASON_CONTAINER_LAUNCH_FAILED")

    def ended(self, event: ProcessEnded) -> list[Effect]:
        if self.stage not in (Stage.ORDERED, Stage.RUNNING):
            return [ForgetProcess(self.run)] if self.stage is Stage.OVER else []
        effects: list[Effect] = []
        if self.stage is Stage.ORDERED and self.state is not TaskState.KILLING:
            effects += self._advance(TaskState.RUNNING)  # it was so short that we saw only the end
        end = replace(self._end_of(event), wait_status=raw_status(event))
        return [*effects, *self._over(end), ForgetProcess(self.run)]

    def _end_of(self, event: ProcessEnded) -> ReportStatus:
        said = describe(event)
        if event.memory is not None and not self.killing:
            return _out_of_memory(self, event.memory)
        if self.completion_overdue:
            reason = "REASON_MAX_COMPLETION_TIME_REACHED"
            return self._report(TaskState.FAILED, said, reason)
        if self.killing:
            return self._report(TaskState.KILLED, said)
        if event.status is None and event.wait_status is None:
            reason = "REASON_EXECUTOR_TERMINATED"
            return self._report(TaskState.FAILED, said, reason, Source.AGENT)
        ended_well = event.wait_status == 0 if event.wait_status is not None else event.status == 0
        return self._report(TaskState.FINISHED if ended_well else TaskState.FAILED, said)

    def _launch_failed(self, message: str, reason: str) -> list[Effect]:
        text = f"Failed to launch container: {message}"
        return self._over(self._report(TaskState.FAILED, text, reason, Source.AGENT))

    def _over(self, report: ReportStatus) -> list[Effect]:
        self.stage, self.state = Stage.OVER, report.state
        self.kill_due_ms = self.completion_due_ms = self.check = self.inquiry = None
        return [report]

    def _advance(self, state: TaskState) -> list[Effect]:
        """Report a state unless it, or a later one, was reported before the agent's restart."""
        order = (TaskState.STAGING, TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING)
        if order.index(self.state) >= order.index(state):
            return []
        self.state = state
        return [ReportStatus(self.run, state, check_status=_told(self.inquiry))]

    def _report(
        self,
        state: TaskState,
        message: str | None = None,
        reason: str | None = None,
        source: Source = Source.EXECUTOR,
    ) -> ReportStatus:
        healthy = self.check.healthy if self.check is not None else None
        if self.given_up:
            healthy = False
        asked = _told(self.inquiry)
        return ReportStatus(self.run, state, message, reason, healthy, source, check_status=asked)


def _out_of_memory(life: Life, memory: MemoryEnd) -> ReportStatus:
    return ReportStatus(
        life.run,
        TaskState.FAILED,
        f"Memory limit exceeded: Requested: {memory.limit_bytes // _MIB}MB"
        f" Maximum Used: {memory.peak_bytes // _MIB}MB",
        "REASON_CONTAINER_LIMITATION_MEMORY",
        source=Source.AGENT,
        memory_limit_bytes=memory.limit_bytes,
        check_status=_told(life.inquiry),
    )


def _killed_before_start(life: Life) -> ReportStatus:
    return ReportStatus(
        life.run,
        TaskState.KILLED,
        "Killed before its process was started",
        "REASON_TASK_KILLED_DURING_LAUNCH",
        check_status=_told(life.inquiry),
    )


def _told(inquiry: Inquiry | None) -> CheckStatusInfo | None:
    """What every update of a task with a check carries, known or not."""
    return inquiry.status if inquiry is not None else None


def raw_status(event: ProcessEnded) -> int | None:
    """As wait(2) gives it; made of the shell's `$?` where the kernel told nobody."""
    if event.wait_status is not None or event.status is None:
        return event.wait_status
    number = event.status - _SIGNAL_BASE
    return number if 0 < number <= _SIGNALS_MAX else event.status << 8


def describe(event: ProcessEnded) -> str:
    """As Mesos words it. Source: stout, WSTRINGIFY."""
    if event.wait_status is not None:
        number = event.wait_status & 0x7F
        if number == 0:
            return f"Command exited with status {event.wait_status >> 8 & 0xFF}"
        return f"Command terminated with signal {_signal_name(number)}"
    if event.status is None:
        return "The exit status is unknown: nobody saw the command end"
    number = event.status - _SIGNAL_BASE
    if 0 < number <= _SIGNALS_MAX:
        return f"Command terminated with signal {_signal_name(number)}"
    return f"Command exited with status {event.status}"


def _signal_name(number: int) -> str:
    return SIGNAL_NAMES.get(number, f"Unknown signal {number}")
