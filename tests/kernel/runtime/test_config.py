"""A config is a flag, an environment variable or a key of tepui.toml, in that order."""

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from kernel.runtime.config import parse


class Config(Struct, frozen=True):
    """Runs a thing."""

    port: Annotated[int, Meta(description="Port to listen on.", ge=1, le=65535)] = 80
    masters: Annotated[list[str], Meta(description="Where the masters are.")] = []
    quiet: Annotated[bool, Meta(description="Say less.")] = False
    name: Annotated[str | None, Meta(description="Its name.")] = None


def read(tmp_path: Path, argv: list[str], **environ: str) -> Config:
    return parse(Config, "thing", argv, environ=environ, toml=tmp_path / "tepui.toml")


def test_the_flag_wins_over_the_variable_over_the_file_over_the_default(tmp_path: Path) -> None:
    assert read(tmp_path, []).port == 80
    (tmp_path / "tepui.toml").write_text("[thing]\nport = 81\nmasters = ['a', 'b']\n")
    assert read(tmp_path, []) == Config(port=81, masters=["a", "b"])
    assert read(tmp_path, [], TEPUI_THING_PORT="82").port == 82
    assert read(tmp_path, ["--port", "83"], TEPUI_THING_PORT="82").port == 83


def test_a_list_is_given_by_commas_or_by_repeating(tmp_path: Path) -> None:
    config = read(tmp_path, ["--masters", "a,b", "--masters", "c", "--quiet"])

    assert config.masters == ["a", "b", "c"]
    assert config.quiet


@pytest.mark.parametrize(
    ("argv", "environ", "toml", "says"),
    [
        (["--port", "x"], {}, "", "--port: 'x'"),
        (["--port", "0"], {}, "", "--port: '0'"),
        ([], {"TEPUI_THING_PORT": "70000"}, "", "environment variable TEPUI_THING_PORT"),
        ([], {}, "[thing]\nport = 'x'", "[thing] port"),
        ([], {}, "[thing]\nprt = 1", "has no key prt"),
        ([], {}, "[thing", "can't be read"),
        (["--name", "redis://:word@host"], {}, "", "environment variable TEPUI_THING_NAME"),
    ],
)
def test_a_value_that_will_not_do_is_refused_with_where_it_came_from(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    environ: dict[str, str],
    toml: str,
    says: str,
) -> None:
    (tmp_path / "tepui.toml").write_text(toml)

    with pytest.raises(SystemExit) as stopped:
        read(tmp_path, argv, **environ)

    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_help_names_each_flag_with_its_default_and_its_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read(tmp_path, ["--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert "Port to listen on. Default: 80. [TEPUI_THING_PORT]" in text
