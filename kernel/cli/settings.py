"""Reads `tepui.toml` and finds the addresses of a running cluster for the commands that talk to
one.

Precedence everywhere: flag, then environment variable, then `tepui.toml`, then what `tepui up`
wrote into its directory, then the default. The keys of `[up]` and `[cli]` are the flags with `_`
for `-`.
"""

import tomllib
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kernel.cli import state
from kernel.cli.layout import Options, Ports, addresses

DEFAULT_DIRECTORY = ".tepui"


DIRECTORY = click.option(
    "--dir",
    "directory",
    default=DEFAULT_DIRECTORY,
    show_default=True,
    envvar="TEPUI_DIR",
    show_envvar=True,
    help="Directory of all state and logs.",
)


def config_path() -> Path:
    return Path("tepui.toml")


def defaults_of(command: str) -> dict[str, Any]:
    """One table of `tepui.toml`, empty where there is none; a file that is no TOML is said to be
    so.
    """
    path = config_path()
    if not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text()).get(command, {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}: [{command}] must be a table.")
    return table


class Where(Struct, frozen=True):
    """The addresses that the client commands use."""

    master: str
    marathon: str
    chronos: str
    web: str
    directory: Path


def find(
    directory: str | None, *, master: str | None, marathon: str | None, chronos: str | None
) -> Where:
    path = Path(directory or DEFAULT_DIRECTORY).absolute()
    up = state.read_up(path)
    known = up.addresses if up is not None else addresses(Options(str(path), Ports()))
    return Where(
        master=_url(master or known.master),
        marathon=_url(marathon or known.marathon),
        chronos=_url(chronos or known.chronos),
        web=_url(known.web),
        directory=path,
    )


def _url(text: str) -> str:
    """People write `host:8080`; what we need is an address."""
    return (text if "://" in text else f"http://{text}").rstrip("/")
