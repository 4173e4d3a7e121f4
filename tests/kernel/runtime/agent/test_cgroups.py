"""Control groups of both versions: on the real system where it has them, else on a small tree of
files that looks like it. Source: Linux, cgroup-v1, cgroup-v2.rst.
"""

from pathlib import Path

from kernel.runtime.agent import cgroups
from kernel.runtime.agent.cgroups import Isolation


def fake_v2(tmp_path: Path, handed_down: str) -> tuple[str, str]:
    """A unified tree whose process lives in /service; returns (mounts, own)."""
    root = tmp_path / "cgroup"
    service = root / "system" / "service"
    service.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu io memory pids\n")
    for directory in (root, root / "system"):
        (directory / "cgroup.subtree_control").write_text(handed_down)
    (service / "cgroup.subtree_control").write_text("")
    (service / "cgroup.subtree_control").chmod(0o400)
    mounts, own = tmp_path / "mounts", tmp_path / "own"
    mounts.write_text(f"cgroup2 {root} cgroup2 rw 0 0\n")
    own.write_text("0::/system/service\n")
    return str(mounts), str(own)


def test_without_any_group_nothing_is_enforced_and_that_is_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")

    isolation = cgroups.detect("t", str(empty), str(empty))

    assert isolation.bases() == []
    assert [note for note in isolation.notes if "memory" in note] == [
        "The limit on memory is not enforced: no usable control group."
    ]


def test_version_1_goes_below_our_own_group(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    (memory / "ours").mkdir(parents=True)
    mounts, own = tmp_path / "mounts", tmp_path / "own"
    mounts.write_text(f"cgroup {memory} cgroup rw,memory 0 0\n")
    own.write_text("4:memory:/ours\n0::/\n")

    isolation = cgroups.detect("t", str(mounts), str(own))

    assert isolation.v1 == {"memory": f"{memory}/ours/t"}
    assert isolation.enforces("memory") and not isolation.enforces("pids")
    assert isolation.groups_of("r") == {"memory": f"{memory}/ours/t/r"}


def test_a_container_that_hides_its_own_path_uses_the_mount(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    mounts, own = tmp_path / "mounts", tmp_path / "own"
    mounts.write_text(f"cgroup {pids} cgroup rw,pids 0 0\n")
    own.write_text("4:pids:/docker/abc\n")

    assert cgroups.detect("t", str(mounts), str(own)).v1 == {"pids": f"{pids}/t"}


def test_version_2_writes_its_own_kinds_of_limits(tmp_path: Path) -> None:
    group = tmp_path / "r"
    group.mkdir()
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.weight"):
        (group / name).write_text("")
    isolation = Isolation({}, str(tmp_path), ("cpu", "memory", "pids"), [])

    limits = {"cpu": 1000, "memory": 1 << 20, "pids": 99}
    groups, problem = cgroups.create(isolation, "r", limits)

    assert problem == ""
    assert set(groups) == {"tracker", "cpu", "memory", "pids"}
    assert (group / "memory.max").read_text() == str(32 << 20)  # the floor
    assert (group / "memory.oom.group").read_text() == "1"
    assert (group / "pids.max").read_text() == "99"
    assert (group / "cpu.weight").read_text() == "39"  # 1024 shares


def test_version_2_looks_for_a_parent_that_hands_its_controllers_down(tmp_path: Path) -> None:
    mounts, own = fake_v2(tmp_path, "cpu memory pids")

    isolation = cgroups.detect("t", mounts, own)

    # Files made by mkdir are not there in this tree, so what we make can hand nothing on.
    assert isolation.v2.endswith("/t")


def test_an_oom_kill_is_read_in_both_versions(tmp_path: Path) -> None:
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert cgroups.oom_kills({"memory": str(tmp_path)}) == 2
    (tmp_path / "memory.oom_control").unlink()
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 1\noom_group_kill 0\n")
    assert cgroups.oom_kills({"memory": str(tmp_path)}) == 1
    assert cgroups.oom_kills({}) == 0


def test_a_problem_leaves_no_half_made_groups(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    isolation = Isolation({"memory": str(memory)}, str(tmp_path / "missing"), (), [])

    groups, problem = cgroups.create(isolation, "r", {"memory": 1})

    assert groups == {} and "can't be made" in problem
    assert not (memory / "r").exists()
