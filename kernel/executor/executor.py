"""All command tasks of one agent: hands each event to the life it is about.

Decides nothing itself but which lives are over. Source: Mesos, src/launcher/executor.cpp.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernel.executor.life import Life, Stage
from kernel.executor.talk import (
    CheckFinished,
    Effect,
    Event,
    ForgetProcess,
    KillOrdered,
    LaunchOrdered,
    LifeRecovered,
    ProbeFinished,
    ProcessAbsent,
    ProcessEnded,
    ProcessRefused,
    ProcessStarted,
    RunnerAttached,
    SandboxFailed,
    SandboxPrepared,
)
from kernel.machine import DeadlineReached, Now


class Executor:
    """`lives` by run; a life that is over is dropped at once."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.attached = False

    def step(self, event: Event, now: Now) -> Sequence[Effect]:
        return _HANDLERS[type(event)](self, event, now.mono_ms)

    def next_deadline_ms(self) -> int | None:
        due = (life.next_deadline_ms() for life in self.lives.values())
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        for run, life in self.lives.items():
            assert life.run == run
            assert life.stage is not Stage.OVER, f"{run} is over and still kept"
            assert life.kill_due_ms is None or life.killing, f"{run} is killed for no reason"

    def _on_launch(self, event: LaunchOrdered, now_ms: int) -> list[Effect]:
        if event.run in self.lives:
            return []  # told twice; never started twice
        life = self.lives[event.run] = Life(event.run, event.orders)
        return life.begin(now_ms)

    def _on_recovered(self, event: LifeRecovered, now_ms: int) -> list[Effect]:
        assert event.run not in self.lives, "recovery comes before everything else"
        life = self.lives[event.run] = Life(event.run, event.orders)
        return [*life.recover(event, now_ms), *(life.ask_again() if self.attached else [])]

    def _on_attached(self, _event: RunnerAttached, _now_ms: int) -> list[Effect]:
        self.attached = True
        return [effect for life in self.lives.values() for effect in life.ask_again()]

    def _on_deadline(self, _event: DeadlineReached, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for life in list(self.lives.values()):
            due_ms = life.next_deadline_ms()
            if due_ms is not None and due_ms <= now_ms:
                effects += self._after(life, life.deadline(now_ms))
        return effects

    def _on_ended(self, event: ProcessEnded, _now_ms: int) -> list[Effect]:
        life = self.lives.get(event.run)
        if life is None:
            return [ForgetProcess(event.run)]  # it was refused, or its end is known already
        return self._after(life, life.ended(event))

    def _on_started(self, event: ProcessStarted, now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.started(now_ms))

    def _on_kill(self, event: KillOrdered, now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.kill(event.grace_ms, now_ms))

    def _on_prepared(self, event: SandboxPrepared, _now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.prepared())

    def _on_failed(self, event: SandboxFailed, _now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.failed(event))

    def _on_absent(self, event: ProcessAbsent, _now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.absent())

    def _on_refused(self, event: ProcessRefused, _now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.refused(event.message))

    def _on_probed(self, event: ProbeFinished, now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.probed(event.healthy, now_ms))

    def _on_checked(self, event: CheckFinished, now_ms: int) -> list[Effect]:
        return self._live(event.run, lambda life: life.checked(event.status, now_ms))

    def _live(self, run: str, act: Callable[[Life], list[Effect]]) -> list[Effect]:
        life = self.lives.get(run)
        return [] if life is None else self._after(life, act(life))

    def _after(self, life: Life, effects: list[Effect]) -> list[Effect]:
        if life.stage is Stage.OVER:
            del self.lives[life.run]
        return effects


_HANDLERS: Mapping[type, Callable[[Executor, Any, int], Sequence[Effect]]] = {
    LaunchOrdered: Executor._on_launch,
    LifeRecovered: Executor._on_recovered,
    KillOrdered: Executor._on_kill,
    SandboxPrepared: Executor._on_prepared,
    SandboxFailed: Executor._on_failed,
    ProcessStarted: Executor._on_started,
    ProcessAbsent: Executor._on_absent,
    ProcessRefused: Executor._on_refused,
    ProcessEnded: Executor._on_ended,
    ProbeFinished: Executor._on_probed,
    CheckFinished: Executor._on_checked,
    RunnerAttached: Executor._on_attached,
    DeadlineReached: Executor._on_deadline,
}
