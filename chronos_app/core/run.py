"""One run: an attempt at one occurrence, from the moment it is due to its outcome.

A run is named by (job, generation, index, attempt); its task id is derived from that and from
the nominal time, in Chronos's form, so that a run that was decided once has one name for ever.
Source: Chronos, TaskUtils.scala (`ct:<ms>:<attempt>:<job>:<arguments>`).
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from chronos_app.core.record import Lineage

TASK_ID_BYTES_MAX = 255  # Mesos, ids
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\;]")


class Cause(StrEnum):
    """Why there is this run."""

    SCHEDULE = "schedule"
    PARENTS = "parents"
    REQUEST = "request"  # run now


class RunState(StrEnum):
    """How far a run is; the words are shown to people."""

    WAITING = "waiting"  # decided and durable; for an offer, for a retry's delay, or for its turn
    LAUNCHING = "launching"  # the ACCEPT may have left; only the master knows
    STARTING = "starting"
    RUNNING = "running"
    UNREACHABLE = "unreachable"
    REPORTING = "reporting"  # Chronos 2.x, async: ended, and its own report is awaited
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"
    SKIPPED = "skipped"  # never launched: too late, or its job is disabled
    COALESCED = "coalesced"  # never launched: a later occurrence stands for it

    @property
    def is_over(self) -> bool:
        return not TRANSITIONS[self]

    @property
    def is_launched(self) -> bool:
        """May there be a process?"""
        return self in _LAUNCHED


_S = RunState
_ENDS = frozenset({_S.SUCCEEDED, _S.FAILED, _S.KILLED, _S.LOST})
_LAUNCHED = frozenset({_S.LAUNCHING, _S.STARTING, _S.RUNNING, _S.UNREACHABLE, _S.REPORTING})
TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    _S.WAITING: frozenset({_S.LAUNCHING, _S.SKIPPED, _S.COALESCED, _S.KILLED}),
    _S.LAUNCHING: frozenset({_S.WAITING, _S.STARTING, _S.RUNNING, _S.UNREACHABLE, _S.REPORTING})
    | _ENDS,
    _S.STARTING: frozenset({_S.RUNNING, _S.UNREACHABLE, _S.REPORTING}) | _ENDS,
    _S.RUNNING: frozenset({_S.UNREACHABLE, _S.REPORTING}) | _ENDS,
    _S.UNREACHABLE: frozenset({_S.STARTING, _S.RUNNING, _S.REPORTING}) | _ENDS,
    _S.REPORTING: _ENDS,
    **{state: frozenset() for state in (*_ENDS, _S.SKIPPED, _S.COALESCED)},
}


class Run(Struct, omit_defaults=True):
    """State of one attempt; only `Ledger` methods store it, only the machine's parts change it."""

    run_id: str
    job: str
    generation: int
    index: int  # of the schedule; -1 for a run that no schedule caused
    attempt: int
    nominal_ms: int
    ready_ms: int  # not to be launched earlier
    serial: int  # order of decision
    cause: Cause
    state: RunState = RunState.WAITING
    deadline_ms: int | None = None  # not to be launched later
    arguments: str = ""
    lineage: Lineage = {}
    agent_id: str = ""
    agent_host: str = ""
    agent_url: str = ""
    launched_ms: int = 0
    started_ms: int = 0
    finished_ms: int = 0
    exit_status: int | None = None
    signal: str = ""
    message: str = ""
    kill_requested: bool = False
    orphan: bool = False  # its job was deleted; another may have the name by now
    timed_out: bool = False
    unreachable_ms: int = 0
    elements: int = 0  # data processing jobs report how many they have done
    missed_count: int = 1  # rows that stand for several occurrences

    def move(self, state: RunState) -> None:
        """Change state; a move that the table lacks is our own mistake."""
        assert state in TRANSITIONS[self.state], f"{self.run_id}: {self.state} -> {state}"
        self.state = state


def task_id(job: str, nominal_ms: int, attempt: int, arguments: str) -> str:
    """`arguments` are for people: cut and cleaned where Mesos's rules for ids want it."""
    text = f"ct:{nominal_ms}:{attempt}:{job}:{_UNFIT.sub('', arguments)}"
    return text.encode()[:TASK_ID_BYTES_MAX].decode(errors="ignore")
