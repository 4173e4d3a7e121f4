"""Ids of apps and groups: absolute paths of DNS labels, and how relative ones are resolved.

Source: Marathon, docs/docs/rest-api "App id"; the task id form of §2.5 (`_` stands for `/`).
"""

import re

SEGMENT = re.compile(
    r"(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|\.|\.\."
)
# Words that are verbs behind an id in the API's URLs; an app of that name could not be addressed.
RESERVED_LAST_SEGMENTS = ("restart", "tasks", "versions")
# A task id carries the app id, an uuid and a counter, and names a directory (255 bytes at most).
# DIFFERS: Marathon takes any length, and the task then fails.
LENGTH_MAX = 190
ROOT = "/"


def resolve(path: str, base: str = ROOT) -> str:
    """The absolute form of `path` seen from group `base`; `..` above the root stays at the root."""
    whole = path if path.startswith("/") else f"{base}/{path}"
    kept: list[str] = []
    for segment in whole.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return ROOT + "/".join(kept)


def parent(path: str) -> str:
    """The group that `path` lies in; the root's parent is the root."""
    return path.rpartition("/")[0] or ROOT


def is_below(path: str, group_id: str) -> bool:
    """Whether `path` lies strictly inside `group_id`."""
    return path != ROOT and (group_id == ROOT or path.startswith(group_id + "/"))


def problem_with(path: str) -> str | None:
    """What is wrong with an id as written, as one sentence, or None."""
    segments = [segment for segment in path.split("/") if segment]
    wrong = next((segment for segment in segments if not SEGMENT.fullmatch(segment)), None)
    if wrong is not None:
        return (
            f"must fully match regular expression '^{SEGMENT.pattern}$': the part '{wrong}' may "
            "hold only lower-case letters, digits, dots and inner dashes"
        )
    if len(path) > LENGTH_MAX:
        return f"is {len(path)} characters long; at most {LENGTH_MAX} fit into a task id"
    return None


def problem_with_app_id(path: str) -> str | None:
    """As `problem_with`, for ids that name an app."""
    if not [segment for segment in path.split("/") if segment not in ("", ".", "..")]:
        return "must not be empty: name the app, for example '/web'"
    last = path.rstrip("/").rpartition("/")[2]
    if last in RESERVED_LAST_SEGMENTS:
        return f"must not end in '{last}', which is a verb of the API; choose another last part"
    return problem_with(path)
