"""`tepui backup`: what master, marathon and chronos keep, in one file, also while they run.

Each store is read as of one moment, without leading it; the file is whole or not there. What the
file looks like is `kernel.store.backup`'s, bringing it back is `restore`'s.
"""

import contextlib
import datetime
import importlib.metadata
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kernel.cli import tables
from kernel.cli.api import EXIT_CONFLICT, EXIT_NOT_FOUND, EXIT_UNREACHABLE, Failure
from kernel.cli.options import JSON
from kernel.cli.preflight import short
from kernel.cli.settings import DIRECTORY, defaults_of
from kernel.store import open_store
from kernel.store.backup import Backup, BackupMalformed, Saved, read, written
from kernel.store.interface import Store, StoreError, StoreHeld, StoreUnreachable
from kernel.store.schema import SCHEMA
from kernel.store.urls import has_password, redacted

#: Whose records a backup has. Agents keep what is true of their machine only; it stays there.
OWNERS = ("master", "marathon", "chronos")

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


def stores(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags that say where the state is; `urls` makes URLs of them."""
    for owner in reversed(OWNERS):
        command = click.option(
            f"--{owner}-store", metavar="URL", envvar=f"TEPUI_{owner.upper()}_STORE",
            show_envvar=True,
            help=f"Where {owner} keeps its state, as its --store.  [default: sqlite in --dir]",
        )(command)  # fmt: skip
    return DIRECTORY(command)


def urls(flags: dict[str, Any]) -> dict[str, str]:
    """Takes the stores' flags out of a command's flags: the URL of each owner."""
    directory = Path(flags.pop("directory")).absolute()
    found: dict[str, str] = {}
    for owner in OWNERS:
        name = f"{owner}_store"
        given = flags.pop(name)
        source = click.get_current_context().get_parameter_source(name)
        if has_password(given or "") and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{owner}-store: whoever is on this machine can read a password on the command"
                f" line; put it into the environment variable TEPUI_{owner.upper()}_STORE or into"
                " tepui.toml."
            )
        own = f"sqlite:///{directory / owner / owner}.sqlite"
        found[owner] = given or defaults_of(owner).get("store") or own
    return found


def opened(owner: str, url: str) -> Store:
    """The store at that URL, to be closed. A URL that makes no sense is wrong usage."""
    try:
        return open_store(url, owner)
    except StoreError as error:
        raise click.UsageError(f"--{owner}-store: {error}") from error


@contextlib.contextmanager
def failing(owner: str) -> Iterator[None]:
    """What goes wrong with the owner's store ends the command, with one sentence."""
    try:
        yield
    except StoreHeld as error:
        raise Failure(f"{owner}: {error}", EXIT_CONFLICT) from error
    except StoreUnreachable as error:
        raise Failure(f"{owner}: {error}", EXIT_UNREACHABLE) from error
    except StoreError as error:
        raise Failure(f"{owner}: {error}") from error


@click.command()
@FILE
@click.option("--check", is_flag=True, help="Write nothing; check FILE and show what is in it.")
@JSON
@stores
def backup(file: Path, check: bool, as_json: bool, **flags: Any) -> None:
    """Save the state of master, marathon and chronos to FILE, also while they run.

    Apps with all versions, deployments, jobs with their histories, quota, weights, roles, the known
    agents: each store as it was in one moment. Agents' own records stay on their machines, and so
    do sandboxes and logs. FILE is replaced whole; only its owner can read it, as it holds the
    environment of every app. `tepui restore FILE` brings it back, into any kind of store.
    """
    places = urls(flags)
    if check:
        show(file, checked(file), as_json)
        return
    saved = [found for owner, url in places.items() if (found := _saved(owner, url)) is not None]
    if not saved:
        where = ", ".join(redacted(url) for url in places.values())
        raise Failure(f"There is nothing to save: no state in {where}", EXIT_NOT_FOUND)
    now = datetime.datetime.now(datetime.UTC)
    made = Backup(now.isoformat(timespec="seconds"), _version(), tuple(saved))
    content = written(made)
    try:
        write_whole(file, content)
    except OSError as error:
        raise Failure(f"{file} was not written: {error.strerror or error}") from error
    if as_json:
        show(file, made, as_json)
        return
    click.echo(f"Saved {told(made)} to {file} ({len(content):,} bytes).")


def _saved(owner: str, url: str) -> Saved | None:
    """None where nobody ever kept anything."""
    with contextlib.closing(opened(owner, url)) as store, failing(owner):
        snapshot = store.snapshot()
    return Saved(owner, snapshot) if snapshot.epoch else None


def _version() -> str:
    try:
        return importlib.metadata.version("tepui")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def write_whole(path: Path, content: bytes) -> None:
    """The file has all of it, also after a power loss, or is as it was. Raises `OSError`."""
    # Only its owner can read it from the first byte on.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def checked(file: Path) -> Backup:
    """What the file has, if every byte of it is as it was written and we know what it means."""
    try:
        found = read(file.read_bytes())
    except FileNotFoundError as error:
        raise Failure(f"There is no {file}.", EXIT_NOT_FOUND) from error
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}") from error
    except BackupMalformed as error:
        raise Failure(f"{file} {error}") from error
    for saved in found.stores:
        if saved.name not in OWNERS:
            raise Failure(f"{file} has the state of {saved.name}, which this Tepui does not know.")
        with failing(saved.name):
            SCHEMA.refuse_newer(saved.snapshot.schema, str(file))
    return found


def told(backup: Backup) -> str:
    """What is in it, in a few words."""
    each = [f"{saved.name} ({saved.count:,} records)" for saved in backup.stores]
    return " and ".join(filter(None, [", ".join(each[:-1]), each[-1]]))


def show(file: Path, backup: Backup, as_json: bool) -> None:
    counts = [
        {collection: len(records) for collection, records in saved.snapshot.records.items()}
        for saved in backup.stores
    ]
    if as_json:
        entries = [
            {
                "name": saved.name,
                "records": saved.count,
                "term": saved.snapshot.epoch,
                "schema": saved.snapshot.schema,
                "collections": each,
            }
            for saved, each in zip(backup.stores, counts, strict=True)
        ]
        made = {"file": str(file), "made_at": backup.made_at, "tepui": backup.tepui}
        tables.show_json({**made, "stores": entries})
        return
    rows = [
        [saved.name, saved.count, saved.snapshot.epoch, _listed(each)]
        for saved, each in zip(backup.stores, counts, strict=True)
    ]
    click.echo(f"{short(file.absolute())} is whole: made {backup.made_at} by Tepui {backup.tepui}.")
    click.echo(tables.table(["STATE OF", "RECORDS", "TERM", "WHAT"], rows, empty="It is empty."))


def _listed(counts: dict[str, int]) -> str | None:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or None
