"""`tepui restore`: brings back what `tepui backup` saved, into any kind of store.

Everything is checked before anything is changed. Then it leads each store for the moment, under an
epoch above all that were ever issued, so that a leader of older times stays fenced and agents
follow the next one; and each store gets its records in one commit.
"""

import contextlib
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from kernel.cli import tables
from kernel.cli.api import EXIT_CONFLICT, Failure
from kernel.cli.backup import FILE, checked, failing, opened, stores, told, urls
from kernel.cli.options import JSON
from kernel.store.backup import Saved
from kernel.store.interface import Committed, Records, Store, Term
from kernel.store.schema import SCHEMA, changes
from kernel.store.urls import redacted


class _Target(Struct, frozen=True):
    """One store that is to hold `records`; `shown` is its URL without a password."""

    name: str
    shown: str
    store: Store
    epoch: int  # of the leader whose records they were
    records: Records


@click.command()
@FILE
@click.option("--replace", is_flag=True, help="Also where there is state already, which goes.")
@JSON
@stores
def restore(file: Path, replace: bool, as_json: bool, **flags: Any) -> None:
    """Bring back from FILE the state of master, marathon and chronos, while none of them runs.

    FILE is checked whole first, and nothing is changed unless all of it can be used. Each state
    goes to where the flags say, else into --dir. It may be another kind of store than it came from:
    this is how one moves from SQLite to Redis or ZooKeeper, and back.
    """
    places = urls(flags)
    backup = checked(file)
    with contextlib.ExitStack() as stack:
        targets = [_target(stack, saved, places[saved.name]) for saved in backup.stores]
        for target in targets:
            _refuse_unfit(target, replace)
        terms = [_lead(target) for target in targets]
        for done, (target, term) in enumerate(zip(targets, terms, strict=True)):
            _write(target, term, [each.name for each in targets[:done]])
    if as_json:
        entries = [
            {"name": each.name, "store": each.shown, "term": term.epoch}
            for each, term in zip(targets, terms, strict=True)
        ]
        tables.show_json({"file": str(file), "made_at": backup.made_at, "stores": entries})
        return
    click.echo(f"Restored {told(backup)}, as they were at {backup.made_at}.")


def _target(stack: contextlib.ExitStack, saved: Saved, url: str) -> _Target:
    snapshot = saved.snapshot
    records = SCHEMA.upgraded(saved.name, snapshot.records, snapshot.schema)
    store = opened(saved.name, url)
    stack.callback(store.close)
    return _Target(saved.name, redacted(url), store, snapshot.epoch, records)


def _refuse_unfit(target: _Target, replace: bool) -> None:
    """Before anything is changed anywhere: who leads there, and what is there."""
    with failing(target.name):
        holder = target.store.holder()
        found = sum(map(len, target.store.snapshot().records.values()))
    if holder is not None:
        words = f"{target.name}: {target.shown} is held by {holder.leader}; stop it first"
        raise Failure(words, EXIT_CONFLICT)
    if found and not replace:
        raise Failure(
            f"{target.name}: {target.shown} has state already"
            f" ({found:,} records); --replace puts the backup's in its place",
            EXIT_CONFLICT,
        )


def _lead(target: _Target) -> Term:
    with failing(target.name):
        return target.store.lead("tepui restore", above=target.epoch)


def _write(target: _Target, term: Term, done: list[str]) -> None:
    """One commit, all or nothing, and read back."""
    store = target.store
    with failing(target.name):
        answer = store.commit(term, changes(store.load(), target.records))
        if isinstance(answer, Committed) and store.load() == target.records:
            return
    before = f"; {' and '.join(done)} are restored" if done else ""
    raise Failure(
        f"{target.name}: {target.shown} did not take it ({answer}){before}: start the same again"
        " with --replace"
    )
