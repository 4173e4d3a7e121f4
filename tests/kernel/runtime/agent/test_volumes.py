"""Persistent volumes on a real disk: data is never lost, and never found where it was destroyed.

Source: mesos.md §1.3, §5 row 21 (MESOS-7566: data of volumes deleted); docs/persistent-volume.md.
"""

import os
import pwd
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kernel.agent.agent import Agent
from kernel.agent.talk import (
    AgentStarted,
    CloseGrave,
    Effect,
    Event,
    MakeVolume,
    MasterSaid,
    RemoveVolume,
    VolumeRemoved,
)
from kernel.agent.volumes import Mount, volumes_in
from kernel.machine import Delete, Now, Persist, Put
from kernel.messages.agent import ApplyOperation, Subscribed
from kernel.messages.v1 import Id
from kernel.runtime.agent import volumes
from tests.kernel.agent.test_operations import CREATE, DESTROY, INFO, RESERVE
from tests.kernel.agent.world import SETTINGS

WORDS = st.sampled_from(["create", "destroy", "write", "destroy and create", "crash"])


class Machine:
    """An agent whose effects are carried out on a real disk, and that may die between any two."""

    def __init__(self, work_dir: str) -> None:
        self.settings = replace(SETTINGS, info=INFO, work_dir=work_dir)
        self.store: dict[str, dict[str, bytes]] = {}
        self.count = 0
        self.start()
        self.do(RESERVE)

    def start(self) -> None:
        records = {name: dict(sorted(rows.items())) for name, rows in self.store.items()}
        self.agent = Agent(self.settings, records)
        self.perform(self.step(AgentStarted("boot")))
        subscribed = Subscribed(
            agent_id=Id("S0"), master_id="M", epoch=1, ping_timeout_seconds=75.0
        )
        self.perform(self.step(MasterSaid(subscribed)))

    def step(self, event: Event) -> list[Effect]:
        return list(self.agent.step(event, Now(0, 0)))

    def do(self, *operations: object, dies_after: int | None = None) -> None:
        """All stepped before any is carried out, as when they come in one record."""
        effects: list[Effect] = []
        for operation in operations:
            self.count += 1
            event = ApplyOperation(operation_uuid=f"u{self.count}", operation=operation)  # type: ignore[arg-type]
            effects += self.step(MasterSaid(event))
        if dies_after is None:
            self.perform(effects)
        else:
            self.perform(effects[:dies_after], is_dying=True)
            self.start()

    def perform(self, effects: list[Effect], *, is_dying: bool = False) -> None:
        removed: list[RemoveVolume] = []
        for effect in effects:
            match effect:
                case Persist(operations):
                    for each in operations:
                        rows = self.store.setdefault(each.collection, {})
                        if isinstance(each, Put):
                            rows[each.key] = each.value
                        elif isinstance(each, Delete):
                            rows.pop(each.key, None)
                case MakeVolume(directory):
                    volumes.make_volume(directory)
                case RemoveVolume(_, directory, grave, is_whole_disk):
                    volumes.bury(directory, grave, is_whole_disk)
                    removed.append(effect)
                case CloseGrave(grave):
                    volumes.close_grave(grave)
                case _:
                    pass
        for effect in [] if is_dying else removed:
            volumes.empty_grave(effect.grave)
            self.perform(self.step(VolumeRemoved(effect.name)))

    @property
    def place(self) -> Path:
        return Path(self.settings.work_dir, "volumes", "roles", "eng web", "v1")

    @property
    def has_volume(self) -> bool:
        return bool(volumes_in(self.agent.operations.total))

    def data(self) -> list[str]:
        return sorted(path.name for path in self.place.iterdir()) if self.place.exists() else []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, st.integers(0, 6)), max_size=12))
def test_no_crash_at_any_moment_loses_data_or_shows_what_was_destroyed(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as work_dir:
        machine = Machine(work_dir)
        written: list[str] = []
        for at, (word, dies_after) in enumerate(steps):
            may_die = dies_after if dies_after < 6 else None
            had = machine.has_volume
            match word:
                case "create":
                    machine.do(CREATE, dies_after=may_die)
                case "destroy":
                    machine.do(DESTROY, dies_after=may_die)
                    written = written if machine.has_volume else []
                case "destroy and create":
                    seen = len(machine.store.get("grave", {})), machine.count
                    machine.do(DESTROY, CREATE, dies_after=may_die)
                    is_first_durable = had and _was_durable(machine, seen[1] + 1)
                    written = [] if is_first_durable or not machine.has_volume else written
                case "write" if machine.has_volume:
                    (machine.place / str(at)).touch()
                    written.append(str(at))
                case "crash":
                    machine.start()

            assert machine.data() == sorted(written)
            assert machine.has_volume == machine.place.exists()


def _was_durable(machine: Machine, number: int) -> bool:
    return any(
        f'"u{number}"'.encode() in value for value in machine.store.get("operation", {}).values()
    )


def test_a_sandbox_is_removed_without_what_its_links_lead_to(tmp_path: Path) -> None:
    volume, sandbox = tmp_path / "volume", tmp_path / "sandbox"
    for directory in (volume, sandbox):
        directory.mkdir()
    (volume / "file").write_text("precious")
    mounts = [Mount(str(volume), "data"), Mount(str(volume), "deep/er/data")]
    volumes.link_volumes(sandbox, mounts, None)
    assert (sandbox / "deep" / "er" / "data" / "file").read_text() == "precious"

    volumes.remove_sandbox(str(sandbox))

    assert not sandbox.exists()
    assert (volume / "file").read_text() == "precious"


def test_a_sandbox_is_linked_again_after_a_restart_and_a_file_in_the_way_is_said(
    tmp_path: Path,
) -> None:
    volume, sandbox = tmp_path / "volume", tmp_path / "sandbox"
    volume.mkdir()
    sandbox.mkdir()
    mounts = [Mount(str(volume), "data")]

    volumes.link_volumes(sandbox, mounts, None)
    volumes.link_volumes(sandbox, mounts, None)
    with pytest.raises(OSError, match="not there"):
        volumes.link_volumes(sandbox, [Mount(str(tmp_path / "no"), "x")], None)
    (sandbox / "file").touch()
    with pytest.raises(FileExistsError):
        volumes.link_volumes(sandbox, [Mount(str(volume), "file")], None)


def test_a_volume_that_a_task_made_a_link_is_removed_as_a_link(tmp_path: Path) -> None:
    """Where tasks run as the agent's user one of them may do that."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    volume, grave = tmp_path / "volume", tmp_path / "graves" / "g"
    volume.symlink_to(precious)

    volumes.bury(str(volume), str(grave), False)
    volumes.empty_grave(str(grave))
    volumes.close_grave(str(grave))

    assert (precious / "file").exists()
    assert not volume.is_symlink()
    assert not grave.exists()


def test_a_mounted_disk_is_emptied_in_its_place_and_once(tmp_path: Path) -> None:
    disk, grave = tmp_path / "disk", tmp_path / "graves" / "g"
    (disk / "deep").mkdir(parents=True)
    (disk / "deep" / "file").touch()

    volumes.bury(str(disk), str(grave), True)
    assert list(disk.iterdir()) == []
    (disk / "new").touch()
    volumes.bury(str(disk), str(grave), True)

    assert [path.name for path in disk.iterdir()] == ["new"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_who_writes_owns_the_volume_and_who_reads_does_not(tmp_path: Path) -> None:
    volume, sandbox = tmp_path / "volume", tmp_path / "sandbox"
    volume.mkdir()
    sandbox.mkdir()
    nobody, daemon = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")

    volumes.link_volumes(sandbox, [Mount(str(volume), "r", is_read_only=True)], nobody)
    assert volume.stat().st_uid == 0
    volumes.link_volumes(sandbox, [Mount(str(volume), "w", is_shared=True)], nobody)
    assert volume.stat().st_uid == nobody.pw_uid
    volumes.link_volumes(sandbox, [Mount(str(volume), "v", is_shared=True)], daemon)
    assert volume.stat().st_uid == nobody.pw_uid
