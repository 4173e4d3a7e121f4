"""`tepui backup` and `tepui restore`: what they say, what they refuse, and that nothing is half."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kernel.cli.main import cli
from kernel.machine import Put
from kernel.store import open_store
from kernel.store.backup import Backup, Saved, read, written
from kernel.store.interface import Records, Snapshot

KEPT: dict[str, Records] = {
    "master": {"quota": {"eng": b"{}"}},
    "marathon": {"apps": {"/a": b"1", "/b": b"2"}, "versions": {"/a@1": b"1"}},
    "chronos": {"jobs": {"nightly": b"{}"}},
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def tepui(*words: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), env=env)


def url(owner: str, directory: str = ".tepui") -> str:
    return f"sqlite:///{Path(directory).absolute()}/{owner}/{owner}.sqlite"


def fill(owner: str, records: Records, directory: str = ".tepui") -> None:
    store = open_store(url(owner, directory), owner)
    puts = [Put(name, key, value) for name, each in records.items() for key, value in each.items()]
    store.commit(store.lead("a test"), puts)
    store.close()


def fill_all() -> None:
    for owner, records in KEPT.items():
        fill(owner, records)


def kept(owner: str, directory: str = ".tepui") -> Records:
    return open_store(url(owner, directory), owner).snapshot().records


def test_what_is_saved_is_restored_into_a_fresh_directory() -> None:
    fill_all()

    saved = tepui("backup", "it.backup")
    restored = tepui("restore", "it.backup", "--dir", "fresh")

    assert (saved.exit_code, restored.exit_code) == (0, 0), saved.output + restored.output
    assert "master (1 records), marathon (3 records) and chronos (1 records)" in saved.output
    assert restored.output.startswith("Restored master (1 records), marathon (3 records)")
    assert {owner: kept(owner, "fresh") for owner in KEPT} == KEPT


def test_the_file_is_its_owners_only_and_leaves_nothing_beside_it() -> None:
    fill_all()
    Path("it.backup").write_text("of yesterday")

    tepui("backup", "it.backup")

    assert stat.S_IMODE(Path("it.backup").stat().st_mode) == 0o600
    assert sorted(os.listdir()) == [".tepui", "it.backup"]
    assert len(read(Path("it.backup").read_bytes()).stores) == 3


def test_check_shows_what_is_in_it_and_json_says_the_same() -> None:
    fill_all()
    tepui("backup", "it.backup")
    shutil.rmtree(".tepui")

    shown = tepui("backup", "--check", "it.backup")
    answer = json.loads(tepui("backup", "--check", "it.backup", "--json").output)

    assert "it.backup is whole" in shown.output
    assert "2 apps, 1 versions" in shown.output
    counts = {store["name"]: store["collections"] for store in answer["stores"]}
    assert counts["marathon"] == {"apps": 2, "versions": 1}


def test_a_part_that_was_left_out_is_not_in_it_and_stays_as_it_is() -> None:
    fill("marathon", KEPT["marathon"])
    saved = tepui("backup", "it.backup")
    fill("chronos", KEPT["chronos"])

    restored = tepui("restore", "it.backup", "--replace")

    assert "Saved marathon (3 records) to it.backup" in saved.output
    assert restored.exit_code == 0
    assert kept("chronos") == KEPT["chronos"]


def test_nothing_to_save_is_said_and_writes_no_file() -> None:
    done = tepui("backup", "it.backup")

    assert done.exit_code == 4
    assert "There is nothing to save: no state in sqlite:///" in done.output
    assert os.listdir() == []


def test_a_store_that_has_state_is_replaced_only_when_asked_and_then_wholly() -> None:
    fill_all()
    tepui("backup", "it.backup")
    fill("marathon", {"apps": {"/later": b"3", "/a": b"changed"}})
    before = kept("marathon")

    refused = tepui("restore", "it.backup")
    assert refused.exit_code == 5
    assert "has state already (1 records); --replace puts" in refused.output
    assert kept("marathon") == before

    assert tepui("restore", "it.backup", "--replace").exit_code == 0
    assert kept("marathon") == KEPT["marathon"]


def test_a_store_with_a_leader_is_refused_and_no_other_is_touched() -> None:
    fill_all()
    tepui("backup", "it.backup")
    leader = open_store(url("chronos", "fresh"), "chronos")
    leader.lead("chronos at 127.0.0.1:4400")

    refused = tepui("restore", "it.backup", "--dir", "fresh")

    assert refused.exit_code == 5
    assert "is held by pid" in refused.output and "chronos at 127.0.0.1:4400" in refused.output
    assert not Path("fresh/master/master.sqlite").exists()
    leader.close()


def test_one_store_that_cannot_be_had_leaves_the_others_empty_to_try_again() -> None:
    fill_all()
    tepui("backup", "it.backup")
    Path("fresh").mkdir()
    Path("fresh/chronos").touch()

    failed = tepui("restore", "it.backup", "--dir", "fresh")

    assert failed.exit_code == 1
    assert failed.output.startswith("Error: chronos: ") and "can't be kept there" in failed.output
    assert kept("master", "fresh") == kept("marathon", "fresh") == {}
    Path("fresh/chronos").unlink()
    assert tepui("restore", "it.backup", "--dir", "fresh").exit_code == 0
    assert {owner: kept(owner, "fresh") for owner in KEPT} == KEPT


def test_a_backup_is_made_beside_a_leader() -> None:
    leader = open_store(url("marathon"), "marathon")
    leader.commit(leader.lead("marathon"), [Put("apps", "/a", b"1")])

    assert tepui("backup", "it.backup").exit_code == 0
    (saved,) = read(Path("it.backup").read_bytes()).stores

    assert saved == Saved("marathon", Snapshot(1, 1, {"apps": {"/a": b"1"}}))
    leader.close()


def test_the_next_leader_is_above_all_that_led_before() -> None:
    """Agents remember the highest term, and follow no master of an older one."""
    for _ in range(5):
        fill("master", KEPT["master"])
    tepui("backup", "it.backup")
    tepui("restore", "it.backup", "--dir", "fresh")

    assert open_store(url("master", "fresh"), "master").lead("next").epoch == 7


DAMAGE = {
    "cut short": (lambda content: content[:-100], "is cut short or damaged"),
    "one byte of the data": (
        lambda content: content[:60] + b"~" + content[61:],
        "is cut short or damaged",
    ),
    "its beginning": (lambda content: b"x" + content[1:], "is no backup of Tepui"),
    "its end": (lambda content: content[:-1] + b"~", "is cut short or damaged"),
    "nothing in it": (lambda content: b"", "is no backup of Tepui"),
    "a newer format": (
        lambda content: content.replace(b"backup 1", b"backup 9", 1),
        "has format 9; this Tepui knows 1: upgrade Tepui",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("command", ["restore", "backup --check"])
def test_a_file_that_is_not_as_it_was_written_changes_nothing(name: str, command: str) -> None:
    fill_all()
    tepui("backup", "it.backup")
    damage, sentence = DAMAGE[name]
    Path("it.backup").write_bytes(damage(Path("it.backup").read_bytes()))

    words = command.split()
    done = tepui(*words, "it.backup", "--dir", "fresh")

    assert done.exit_code == 1
    assert done.output.startswith("Error: it.backup ") and sentence in done.output
    assert len(done.output.splitlines()) == 1
    assert not Path("fresh").exists()


def test_a_newer_schema_is_refused() -> None:
    newer = Backup("2026-11-20", "9", (Saved("marathon", Snapshot(1, 99, {})),))
    Path("it.backup").write_bytes(written(newer))

    done = tepui("restore", "it.backup", "--dir", "fresh")

    assert done.exit_code == 1
    assert "has schema 99; this Tepui knows 1: upgrade Tepui" in done.output
    assert not Path("fresh").exists()


@pytest.mark.parametrize("words", [("restore", "none"), ("backup", "--check", "none")])
def test_a_file_that_is_not_there_is_said(words: tuple[str, ...]) -> None:
    done = tepui(*words)

    assert done.exit_code == 4
    assert "There is no none." in done.output


def test_a_password_on_the_command_line_is_refused_and_never_repeated() -> None:
    done = tepui("backup", "it.backup", "--marathon-store", "redis://:s3cret@127.0.0.1:1/0")

    assert done.exit_code == 2
    assert "TEPUI_MARATHON_STORE" in done.output
    assert "s3cret" not in done.output


def test_a_server_that_does_not_answer_is_said_without_the_password_and_writes_nothing() -> None:
    env = {"TEPUI_MARATHON_STORE": "redis://:s3cret@127.0.0.1:1/0?timeout=1"}
    fill("master", KEPT["master"])

    done = tepui("backup", "it.backup", env=env)

    assert done.exit_code == 3
    assert "marathon: redis://:***@127.0.0.1:1/0" in done.output
    assert "s3cret" not in done.output
    assert os.listdir() == [".tepui"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_leaves_the_last_backup_and_nothing_half(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        fill_all()
        assert tepui("backup", "disk/it.backup").exit_code == 0
        last = (disk / "it.backup").read_bytes()
        fill("marathon", {"big": {str(n): os.urandom(100_000) for n in range(20)}})

        done = tepui("backup", "disk/it.backup")

        assert done.exit_code == 1
        assert done.output == "Error: disk/it.backup was not written: No space left on device\n"
        assert os.listdir(disk) == ["it.backup"]
        assert (disk / "it.backup").read_bytes() == last

        tepui("backup", "big.backup")
        full = tepui("restore", "big.backup", "--dir", "disk/fresh")
        assert full.exit_code == 1 and "free some space" in full.output
    finally:
        subprocess.run(["umount", str(disk)], check=True)
