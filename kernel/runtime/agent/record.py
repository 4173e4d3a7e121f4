"""What is written down of a run, read again: by a new runner, and by the agent.

A record directory holds `launched` (made before anything else, so that nothing starts twice),
`groups`, `task` (its line of /proc/<pid>/stat) and `exit`. Imported by the runner: few imports.
"""

import json
import os

LAUNCHED = "launched"


def mark_launched(record: str) -> bool:
    """False if some runner has launched this run already. Raises OSError."""
    try:
        os.close(os.open(f"{record}/{LAUNCHED}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def write_groups(record: str, groups: dict[str, str]) -> None:
    with open(f"{record}/groups", "w", encoding="utf-8") as file:
        json.dump(groups, file)


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def groups_in(record: str) -> dict[str, str]:
    """The control groups of a run that exist still."""
    text = read(record + "/groups")
    groups: dict[str, str] = json.loads(text) if text else {}
    return {name: path for name, path in groups.items() if os.path.isdir(path)}


def status_in(record: str) -> int | None:
    text = read(record + "/exit")
    return int(text) if text.isdigit() else None


def recorder_of(run: str, record: str) -> int:
    """The pid of the recorder of a run that some earlier runner started, 0 if there is none."""
    wanted = ["tepui-recorder", run, record]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read(65_536).decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[3:6] == wanted and _parent_is_not_recorder(entry, wanted):
                return int(entry)
    return 0


def _parent_is_not_recorder(pid: str, wanted: list[str]) -> bool:
    """The recorder's forked half has the same words until it executes the task."""
    stat = read(f"/proc/{pid}/stat")
    parent = stat.rpartition(")")[2].split()[1] if stat else "0"
    try:
        with open(f"/proc/{parent}/cmdline", "rb") as file:
            return file.read(65_536).decode(errors="replace").split("\0")[3:6] != wanted
    except OSError:
        return True
