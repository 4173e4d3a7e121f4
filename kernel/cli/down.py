"""`tepui down`: ends the cluster of a directory, also one whose supervisor crashed."""

import os
import signal
import time
from pathlib import Path

import click

from kernel.cli import state
from kernel.cli.preflight import claim, short
from kernel.cli.settings import DIRECTORY
from kernel.cli.supervisor import NotReady, Supervisor

CHILDREN_END_S = 5


@click.command()
@DIRECTORY
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=20,
    show_default=True,
    show_envvar=True,
    help="Seconds to wait for the end.",
)
def down(directory: str, timeout: float) -> None:
    """End the cluster that runs in a directory: every process, every task, every port.

    Its state stays; `tepui up` in the same directory brings it back. Where nothing runs this says
    so and is content (exit code 0). After a crash of `tepui up` itself it also ends the tasks that
    lived on.
    """
    path = Path(directory).absolute()
    known = state.read_up(path)
    if known is None or not state.is_running(known):
        _end_leftovers(path, known)
        return
    os.kill(known.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while state.is_running(known):
        if time.monotonic() > deadline:
            words = (
                f"The cluster in {short(path)} (pid {known.pid}) did not end within {timeout:g} s."
            )
            raise click.ClickException(words)
        time.sleep(0.05)
    click.echo(f"Ended the cluster in {short(path)}.")


def _await_children(directory: Path) -> None:
    """They end by themselves when their supervisor is gone; this takes a moment."""
    pids = state.read_children(directory).values()
    deadline = time.monotonic() + CHILDREN_END_S
    while any(state.born(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)


def _end_leftovers(directory: Path, known: state.Up | None) -> None:
    """Tasks outlive a killed agent, so a crashed cluster may still have some: its agents come back
    to end them.
    """
    if known is None:
        click.echo(f"Nothing runs in {short(directory)}.")
        return
    lock = state.Lock(directory)
    claim(lock, directory)
    click.echo("Its supervisor is gone; ending what it left behind.")
    _await_children(directory)
    supervisor = Supervisor(directory, known.may_leave, click.echo)
    supervisor.listen()
    trouble = ""
    try:
        supervisor.start(timeout_s=30)
    except NotReady as error:
        trouble = str(error)
    supervisor.stop()
    lock.release()
    if trouble:
        raise click.ClickException(f"Some of its tasks may live on. {trouble}")
    click.echo(f"Ended the cluster in {short(directory)}.")
