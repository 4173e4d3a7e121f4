"""Finds out which control groups this machine lets us use, and makes, kills and removes them.

Versions 1 and 2 may be mounted side by side: each controller is used where it is, and an empty v2
tree still serves as a tracker (`cgroup.kill` ends a whole tree at once). What is not available
is not enforced, and `notes` says so. Which limits a task gets is decided by whoever calls.
Imported by the runner: keep the imports few.
Source: Linux Documentation/admin-guide/cgroup-v1, cgroup-v2.rst; Mesos, isolators/cgroups.
"""

import os
import signal

WANTED = ("cpu", "memory", "pids")
CPU_SHARES_PER_CPU, CPU_SHARES_MIN = 1024, 2  # Mesos, isolators/cgroups/constants.hpp
CFS_PERIOD_US, CFS_QUOTA_MIN_US = 100_000, 1_000
MEMORY_BYTES_MIN = 32 * 1024 * 1024
_ROUNDS_MAX = 50  # of reading and killing; each fork that slipped through needs one more


class Isolation:
    """The base directories below which each task gets its own groups.

    `v1` maps a controller to its base; `v2` is the base in the unified tree ("" if none) and
    `v2_controllers` what is enforced there. `notes` are sentences about what is not enforced.
    """

    def __init__(self, v1: dict, v2: str, v2_controllers: tuple, notes: list) -> None:  # type: ignore[type-arg]
        self.v1: dict[str, str] = v1
        self.v2 = v2
        self.v2_controllers: tuple[str, ...] = v2_controllers
        self.notes: list[str] = notes

    def enforces(self, controller: str) -> bool:
        return controller in self.v1 or controller in self.v2_controllers

    def bases(self) -> list[str]:
        return [*self.v1.values(), *([self.v2] if self.v2 else [])]

    def groups_of(self, run: str) -> dict[str, str]:
        """Controller ("tracker" for the unified tree) -> directory of one run."""
        groups = {controller: f"{base}/{run}" for controller, base in self.v1.items()}
        if self.v2:
            groups["tracker"] = f"{self.v2}/{run}"
            for controller in self.v2_controllers:
                groups[controller] = groups["tracker"]
        return groups


def detect(
    name: str, mounts: str = "/proc/self/mounts", own: str = "/proc/self/cgroup"
) -> Isolation:
    """Make the base groups called `name` wherever we may; never raises."""
    v1_mounts, v2_mount = _mounts(_read(mounts))
    paths = _own_paths(_read(own))
    notes: list[str] = []
    v2, v2_controllers = (
        _base_v2(v2_mount, paths.get("", "/"), name, notes) if v2_mount else ("", ())
    )
    v1: dict[str, str] = {}
    for controller in WANTED:
        if controller in v1_mounts and controller not in v2_controllers:
            base = _base_v1(v1_mounts[controller], paths.get(controller, "/"), name, notes)
            if base:
                v1[controller] = base
    isolation = Isolation(v1, v2, v2_controllers, notes)
    for controller in WANTED:
        if not isolation.enforces(controller):
            notes.append(f"The limit on {controller} is not enforced: no usable control group.")
    return isolation


def _mounts(text: str) -> tuple[dict[str, str], str]:
    v1: dict[str, str] = {}
    v2 = ""
    for line in text.splitlines():
        _, where, kind, options = (line.split() + [""] * 4)[:4]
        if kind == "cgroup2" and not v2:
            v2 = where
        elif kind == "cgroup":
            for option in options.split(","):
                v1.setdefault(option, where)
    return v1, v2


def _own_paths(text: str) -> dict[str, str]:
    paths: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _base_v1(mount: str, own: str, name: str, notes: list[str]) -> str:
    # In a container the path of /proc may not exist below the mount; then the mount is ours.
    parent = mount + own if os.path.isdir(mount + own) else mount
    base = parent.rstrip("/") + "/" + name
    problem = _make(base)
    if problem:
        notes.append(f"{base} can't be made: {problem}.")
        return ""
    return base


def _base_v2(mount: str, own: str, name: str, notes: list[str]) -> tuple[str, tuple[str, ...]]:
    """The nearest ancestor that hands its controllers down; v2 forbids processes beside groups."""
    available = _read(mount + "/cgroup.controllers").split()
    wanted = [controller for controller in WANTED if controller in available]
    parents = [mount + own.rstrip("/")]
    while parents[-1] != mount and len(parents[-1]) > len(mount):
        parents.append(os.path.dirname(parents[-1]))
    for parent in parents:
        if not os.path.isdir(parent) or not _hand_down(parent, wanted):
            continue
        base = f"{parent}/{name}"
        if not _make(base) and _hand_down(base, wanted):
            return base, tuple(wanted)
    base = f"{parents[0]}/{name}"
    problem = _make(base)
    if problem:
        notes.append(f"{base} can't be made: {problem}.")
        return "", ()
    return base, ()


def _hand_down(parent: str, wanted: list[str]) -> bool:
    control = parent + "/cgroup.subtree_control"
    missing = [controller for controller in wanted if controller not in _read(control).split()]
    return not missing or not write(control, " ".join("+" + controller for controller in missing))


def create(isolation: Isolation, run: str, limits: dict) -> tuple[dict[str, str], str]:  # type: ignore[type-arg]
    """Make one run's groups with its limits; returns (groups, problem or "")."""
    groups = isolation.groups_of(run)
    for group in dict.fromkeys(groups.values()):
        problem = _make(group)
        if problem:
            remove(groups)
            return {}, f"{group} can't be made: {problem}"
    for controller in WANTED:
        if controller in groups and controller in limits:
            version = 1 if controller in isolation.v1 else 2
            problem = _limit(groups[controller], controller, version, limits)
            if problem:
                remove(groups)
                return {}, problem
    return groups, ""


def adjust(isolation: Isolation, groups: dict[str, str], limits: dict) -> None:  # type: ignore[type-arg]
    """Other limits for groups in use. Memory is only ever granted: what is in use can't be taken
    back without killing somebody, so that limit never sinks."""
    for controller in WANTED:
        if controller not in groups or controller not in limits:
            continue
        if controller == "memory" and int(limits["memory"]) <= memory_figures(groups)[0]:
            continue
        _limit(groups[controller], controller, 1 if controller in isolation.v1 else 2, limits)


def _limit(group: str, controller: str, version: int, limits: dict) -> str:  # type: ignore[type-arg]
    amount = int(limits[controller])
    if controller == "pids":
        return write(f"{group}/pids.max", str(amount))
    if controller == "memory":
        amount = max(amount, MEMORY_BYTES_MIN)
        if version == 2:
            write(f"{group}/memory.oom.group", "1")
            write(f"{group}/memory.swap.max", "0")
            return write(f"{group}/memory.max", str(amount))
        problem = write(f"{group}/memory.limit_in_bytes", str(amount))
        write(f"{group}/memory.memsw.limit_in_bytes", str(amount))  # absent without swap accounting
        return problem
    shares = max(CPU_SHARES_MIN, CPU_SHARES_PER_CPU * amount // 1000)  # amount: thousandths
    quota_us = limits.get("cpu_quota_us", 0)
    if version == 2:
        if quota_us:
            write(f"{group}/cpu.max", f"{max(quota_us, CFS_QUOTA_MIN_US)} {CFS_PERIOD_US}")
        weight = (
            1 + (min(shares, 262_144) - 2) * 9_999 // 262_142
        )  # systemd, runc: shares -> weight
        return write(f"{group}/cpu.weight", str(weight))
    if quota_us:
        write(f"{group}/cpu.cfs_period_us", str(CFS_PERIOD_US))
        write(f"{group}/cpu.cfs_quota_us", str(max(quota_us, CFS_QUOTA_MIN_US)))
    return write(f"{group}/cpu.shares", str(shares))


def members(groups: dict[str, str]) -> list[int]:
    """The pids in any of a run's groups, ours or a descendant's."""
    pids: dict[int, None] = {}
    for group in dict.fromkeys(groups.values()):
        for directory, _, _ in os.walk(group):
            for pid in _read(directory + "/cgroup.procs").split():
                pids[int(pid)] = None
    return list(pids)


def kill(groups: dict[str, str]) -> None:
    """SIGKILL to every member, also to those that daemonised."""
    tracker = groups.get("tracker", "")
    if tracker and not write(tracker + "/cgroup.kill", "1"):
        return
    for _ in range(_ROUNDS_MAX):
        pids = members(groups)
        if not pids:
            return
        for pid in pids:
            _kill_member(groups, pid)


def _kill_member(groups: dict[str, str], pid: int) -> None:
    """By pidfd, taken first and checked after: a recycled number is not in the group."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if pid in members(groups):
            _send_kill(pidfd)
    finally:
        os.close(pidfd)


def _send_kill(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        return


def remove(groups: dict[str, str]) -> bool:
    """Remove a run's groups; False while something still lives in one."""
    gone = True
    for group in dict.fromkeys(groups.values()):
        for directory, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone


def oom_kills(groups: dict[str, str]) -> int:
    """How often the kernel killed a member for want of memory; failcnt does not tell."""
    group = groups.get("memory", "")
    for file in ("memory.oom_control", "memory.events"):
        for line in _read(f"{group}/{file}").splitlines() if group else []:
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def memory_figures(groups: dict[str, str]) -> tuple[int, int, int]:
    """(limit, peak, use) in bytes; 0 where not known."""
    group = groups.get("memory", "")
    if not group:
        return 0, 0, 0
    limit = _number(f"{group}/memory.limit_in_bytes") or _number(f"{group}/memory.max")
    peak = _number(f"{group}/memory.max_usage_in_bytes") or _number(f"{group}/memory.peak")
    use = _number(f"{group}/memory.usage_in_bytes") or _number(f"{group}/memory.current")
    return limit, peak, use


def cpu_times_us(groups: dict[str, str]) -> tuple[int, int]:
    """(user, system) microseconds; the unified tree counts even where it does not limit."""
    times = {"user_usec": 0, "system_usec": 0}
    for line in _read(groups.get("tracker", "/nowhere") + "/cpu.stat").splitlines():
        name, _, count = line.partition(" ")
        if name in times:
            times[name] = int(count)
    return times["user_usec"], times["system_usec"]


def _number(path: str) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else 0


def _make(directory: str) -> str:
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def write(path: str, text: str) -> str:
    """Write a control file; returns the problem or ""."""
    try:
        fd = os.open(path, os.O_WRONLY)
    except OSError as error:
        return f"{path} can't be opened: {error.strerror}"
    try:
        os.write(fd, text.encode())
    except OSError as error:
        return f"'{text}' can't be written to {path}: {error.strerror}"
    finally:
        os.close(fd)
    return ""


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        pieces = []
        while piece := os.read(fd, 65_536):
            pieces.append(piece)
        return b"".join(pieces).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(fd)
