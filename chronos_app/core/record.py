"""What is kept of a job beside its definition: where its schedule stands and how it fared.

`JobRecord` changes when its owner changes it, `Progress` with each occurrence; they are separate
records, so that a long definition is not written again at each run.
"""

from msgspec import Struct

from chronos_app.schema.job import Counters, Job

Lineage = dict[str, int]


class JobRecord(Struct, frozen=True):
    """A definition as accepted: `generation` grows with each change of the schedule, `anchored_ms`
    is what an empty start means, `serial` is the order of creation."""

    job: Job
    serial: int
    generation: int
    anchored_ms: int


class Progress(Struct, omit_defaults=True):
    """The cursor, the counters, and of a dependent job the successes it has not used yet.

    The cursor names the next occurrence. Occurrences before it were issued, skipped or coalesced,
    each with a row in the history; none is ever issued again.
    """

    next_index: int = 0
    next_ms: int | None = None
    last_ms: int = -1  # the time in the latest task id
    id_floor_ms: int = -1  # names up to here were used by an earlier job of this name
    disabled: bool = False
    exhausted: bool = False
    success_count: int = 0
    error_count: int = 0
    errors_since_last_success: int = 0
    last_success: str = ""
    last_error: str = ""
    credits: dict[str, list[Lineage]] = {}

    def counters(self) -> Counters:
        """As listings show them."""
        return Counters(
            success_count=self.success_count,
            error_count=self.error_count,
            errors_since_last_success=self.errors_since_last_success,
            last_success=self.last_success,
            last_error=self.last_error,
        )

    @property
    def status(self) -> str:
        """Chronos's word for the last outcome; its times compare as text."""
        if not self.last_success and not self.last_error:
            return "fresh"
        return "success" if self.last_success >= self.last_error else "failure"
