"""What the flags of the process mean to the core. The defaults are Chronos's."""

from msgspec import Struct, field

from kernel.framework.session import framework_info
from kernel.messages.v1 import FrameworkInfo


def _nobody() -> FrameworkInfo:
    return framework_info("chronos", user="root", roles=["chronos"])


class Settings(Struct, frozen=True):
    """Durations in milliseconds; Chronos's flag in the comment."""

    framework: FrameworkInfo = field(default_factory=_nobody)  # whom the master sees
    retry_delay_ms: int = 60_000  # --failure_retry
    disable_after_failures: int = 0  # --disable_after_failures; 0 is never
    late_after_ms: int = 60_000  # a start later than this is told to the owner
    history_count_max: int = 50  # rows kept per job
    reconcile_interval_ms: int = 600_000  # --reconciliation_interval
    unreachable_timeout_ms: int = 600_000  # then a run counts as lost
    lookahead_ms: int = 1_500  # offers are asked for so long before an occurrence is due
    tzdata: str = ""  # the version of the time zone database, to notice that it changed
