"""Names of things, as types, so that an agent's id is never passed for a task's.

All are the bare text; only `kernel.messages` wraps them as `{"value": …}` for the wire.
"""

from typing import NewType

AgentId = NewType("AgentId", str)
FrameworkId = NewType("FrameworkId", str)
ExecutorId = NewType("ExecutorId", str)
OfferId = NewType("OfferId", str)
TaskId = NewType("TaskId", str)

ID_LENGTH_MAX = 255  # bytes; Mesos, src/common/validation.cpp


def id_problem(text: str) -> str | None:
    """Why `text` cannot be an id, or None. Source: Mesos, src/common/validation.cpp."""
    if not text:
        return "ID must not be empty"
    if len(text.encode()) > ID_LENGTH_MAX:
        return f"ID must not be greater than {ID_LENGTH_MAX} characters"
    if text in (".", ".."):
        return f"'{text}' is disallowed"
    if any(ord(char) < 0x20 or ord(char) == 0x7F or char in "/\\" for char in text):
        return f"'{text}' contains invalid characters"
    return None
