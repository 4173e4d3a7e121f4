"""Names each state for the screen: a word, a glyph and a tone, never colour alone.

The glyphs are names of symbols in `templates/_glyphs.html`, the tones names of custom properties
in the style sheet. Source: lb-and-dashboard.md §5.4.
"""

from msgspec import Struct


class Look(Struct, frozen=True):
    """How a state looks. `tone` is its colour, `glyph` its shape, `word` what it is called."""

    word: str
    glyph: str
    tone: str


RUNNING = Look("Running", "disc", "ok")
HEALTHY = Look("Healthy", "disc", "ok")
UNCHECKED = Look("Running", "half", "calm")
UNHEALTHY = Look("Unhealthy", "triangle", "bad")
STAGING = Look("Staging", "ring", "busy")
STARTING = Look("Starting", "ring", "busy")
DEPLOYING = Look("Deploying", "cycle", "deploy")
WAITING = Look("Waiting", "hourglass", "warn")
DELAYED = Look("Delayed", "clock", "warn")
KILLING = Look("Killing", "minus", "faint")
UNREACHABLE = Look("Unreachable", "bolt", "lost")
SUSPENDED = Look("Suspended", "bars", "faint")
FINISHED = Look("Finished", "check", "ok")
FAILED = Look("Failed", "cross", "bad")
KILLED = Look("Killed", "minus", "faint")
GONE = Look("Gone", "bolt", "lost")
UNKNOWN = Look("Unknown", "question", "lost")
IDLE = Look("Idle", "dot", "faint")
QUEUED = Look("Queued", "hourglass", "warn")
DISABLED = Look("Disabled", "bars", "faint")
SKIPPED = Look("Skipped", "skip", "faint")
UP = Look("Up", "disc", "ok")
DOWN = Look("Down", "cross", "bad")
DRAINING = Look("Draining", "minus", "warn")
DRAINED = Look("Drained", "minus", "faint")
DEACTIVATED = Look("Deactivated", "bars", "faint")
DISCONNECTED = Look("Disconnected", "bolt", "lost")
ACTIVE = Look("Active", "disc", "ok")
INACTIVE = Look("Inactive", "bolt", "lost")

_TASKS = {
    "TASK_STAGING": STAGING,
    "TASK_STARTING": STARTING,
    "TASK_RUNNING": UNCHECKED,
    "TASK_KILLING": KILLING,
    "TASK_FINISHED": FINISHED,
    "TASK_FAILED": FAILED,
    "TASK_KILLED": KILLED,
    "TASK_ERROR": Look("Error", "cross", "bad"),
    "TASK_DROPPED": Look("Dropped", "cross", "bad"),
    "TASK_LOST": Look("Lost", "bolt", "lost"),
    "TASK_UNREACHABLE": UNREACHABLE,
    "TASK_GONE": GONE,
    "TASK_GONE_BY_OPERATOR": GONE,
    "TASK_UNKNOWN": UNKNOWN,
}

ENDED = tuple(f"TASK_{each}" for each in ("FINISHED", "FAILED", "KILLED", "ERROR", "GONE"))

_SERVERS = {
    "UP": UP,
    "DOWN": DOWN,
    "DRAIN": DRAINING,
    "MAINT": Look("Taken out", "minus", "faint"),
    "NOLB": Look("Waiting", "ring", "busy"),
}

_RUNS = {
    "FINISHED": Look("Succeeded", "check", "ok"),
    "SUCCEEDED": Look("Succeeded", "check", "ok"),
    "SUCCESS": Look("Succeeded", "check", "ok"),
    "FAILED": FAILED,
    "FAILURE": FAILED,
    "RUNNING": Look("Running", "disc", "busy"),
    "STARTED": Look("Running", "disc", "busy"),
    "QUEUED": QUEUED,
    "PENDING": QUEUED,
    "INTENDED": QUEUED,
    "STAGING": STAGING,
    "WAITING": Look("Waiting", "hourglass", "warn"),
    "LAUNCHING": STARTING,
    "LAUNCHED": STARTING,
    "REPORTING": Look("Awaits its report", "ring", "busy"),
    "UNREACHABLE": UNREACHABLE,
    "COALESCED": Look("Merged into a later run", "skip", "faint"),
    "STARTING": STARTING,
    "RETRYING": Look("Retrying", "cycle", "warn"),
    "KILLED": KILLED,
    "LOST": Look("Lost", "bolt", "lost"),
    "UNKNOWN": UNKNOWN,
    "SKIPPED": SKIPPED,
}


def task_look(state: str, alive: bool | None = None) -> Look:
    """A task's state; a running one shows its health where there are checks."""
    if state == "TASK_RUNNING" and alive is not None:
        return HEALTHY if alive else UNHEALTHY
    return _TASKS.get(state) or _worded(state.removeprefix("TASK_"))


def server_look(state: str) -> Look:
    """A HAProxy server's state, with or without what HAProxy writes after it (`DOWN 1/2`)."""
    word = state.strip().split(" ")[0].upper()
    return _SERVERS.get(word) or _worded(word)


def run_look(state: str) -> Look:
    """A job run's state."""
    word = state.strip().upper().removeprefix("TASK_")
    return _RUNS.get(word) or (SKIPPED if word.startswith("SKIPPED") else _worded(word))


def _worded(state: str) -> Look:
    """A state of a newer part: its own word, and no colour that would promise a meaning."""
    return Look(state.replace("_", " ").capitalize() or "Unknown", "dot", "faint")
