"""The program as a whole: its commands, their help, and where settings come from."""

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kernel.cli import cluster, state
from kernel.cli.layout import Addresses
from kernel.cli.main import PROCESSES, cli
from kernel.cli.settings import Where


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


def ours() -> list[tuple[str, ...]]:
    return [path for path in commands(cli) if path[0] not in PROCESSES]


@pytest.mark.parametrize("path", ours(), ids=" ".join)
def test_every_command_and_every_flag_of_it_explains_itself(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]

    assert command.help
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    done = CliRunner().invoke(cli, [*path, "--help"])
    assert done.exit_code == 0


def test_every_command_that_answers_can_answer_in_json() -> None:
    # What a command prints that runs elsewhere is its own.
    apart = ("app", "job", "down", "logs", "maintenance", "exec")
    reading = [path for path in ours() if path[-1] not in apart]
    for path in reading:
        assert "--json" in CliRunner().invoke(cli, [*path, "--help"]).output, path


def test_the_flag_wins_over_the_variable_and_the_variable_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tepui.toml").write_text("[up]\nmaster_port = 7001\nagents = 0\n")
    monkeypatch.chdir(tmp_path)

    from_file = CliRunner().invoke(cli, ["up"])
    from_variable = CliRunner().invoke(cli, ["up", "--agents=1"], env={"TEPUI_UP_WEB_PORT": "7001"})

    assert from_file.exit_code == 2 and "agents" in from_file.output
    assert from_variable.exit_code == 2
    assert "7001" in from_variable.output and "--web-port" in from_variable.output


@pytest.mark.parametrize("content", [b"", b"{bad", b"\xff\xfe", b"[" * 100_000, b"\x00"])
@pytest.mark.parametrize("command", [("app", "deploy"), ("job", "add")])
def test_a_file_that_is_no_json_is_wrong_usage(
    tmp_path: Path, command: tuple[str, str], content: bytes
) -> None:
    file = tmp_path / "app.json"
    file.write_bytes(content)

    from_file = CliRunner().invoke(cli, [*command, str(file)])
    from_pipe = CliRunner().invoke(cli, [*command, "-"], input=content)

    for done in (from_file, from_pipe):
        assert done.exit_code == 2 and "is not JSON" in done.output, done


def test_a_file_that_is_no_toml_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tepui.toml").write_text("[up")
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(cli, ["status"])

    assert done.exit_code == 2
    assert "tepui.toml" in done.output


def test_status_of_nothing_says_so_with_exit_code_3(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    flags = ["--master", nowhere, "--marathon", nowhere, "--chronos", nowhere]

    done = CliRunner().invoke(cli, ["status", "--dir", str(tmp_path), *flags])

    assert done.exit_code == 3
    assert done.output.count("does not answer") == 3


def test_a_part_that_was_left_out_is_not_missed(tmp_path: Path) -> None:
    def url(number: int) -> str:
        return f"http://127.0.0.1:{number}"

    where = Addresses(url(1), (url(2),), url(3), url(4), url(5), None)
    state.write_up(tmp_path, state.Up(os.getpid(), "x", where, without=("web", "chronos")))

    place = Where(url(1), url(3), url(4), url(5), tmp_path)

    assert list(cluster.parts_of(place)) == ["master", "marathon", "agent 1"]


def test_a_password_on_the_command_line_is_refused_with_where_to_put_it() -> None:
    done = CliRunner().invoke(cli, ["up", "--broker", "redis://:hush@127.0.0.1:6379/0"])

    assert done.exit_code == 2
    assert "TEPUI_UP_BROKER" in done.output
    assert "hush" not in done.output
