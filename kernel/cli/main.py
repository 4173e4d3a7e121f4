"""The program `tepui`: its commands and how they fit together. What each does is in a module of its
own.

Exit codes of all commands: 0 done, 1 failed, 2 wrong usage, 3 not reachable, 4 not found, 5 in
conflict or locked.
"""

import importlib.metadata
import os
import sys
from typing import Any

import click

from kernel.cli.agents import agents, deactivate, drain, reactivate
from kernel.cli.apps import apps
from kernel.cli.backup import backup
from kernel.cli.cluster import status
from kernel.cli.down import down
from kernel.cli.execution import execute
from kernel.cli.explain import explain
from kernel.cli.jobs import jobs
from kernel.cli.maintenance import maintenance
from kernel.cli.restore import restore
from kernel.cli.settings import defaults_of
from kernel.cli.up import EXIT_FAILED, up
from kernel.runtime.config import no_such_key

# Each process alone: the name of the command, the module it is, and what it does.
PROCESSES = {
    "master": ("kernel", "the resource kernel: agents, offers, tasks"),
    "agent": ("kernel", "the agent of one machine: runs tasks"),
    "marathon": ("marathon_app", "the supervisor of long-running apps"),
    "chronos": ("chronos_app", "the scheduler of jobs"),
    "lb": ("lb", "the load balancer: drives a HAProxy after marathon's apps"),
    "web": ("web", "the dashboard"),
    "deliveries": ("deliveries", "the worker that sends mails and webhooks"),
}


def _version() -> str:
    try:
        return importlib.metadata.version("tepui")
    except importlib.metadata.PackageNotFoundError:
        return "0 (not installed)"


@click.group(
    context_settings={"auto_envvar_prefix": "TEPUI", "help_option_names": ["-h", "--help"]}
)
@click.version_option(_version(), prog_name="tepui")
@click.pass_context
def cli(context: click.Context) -> None:
    """A small cloud for your own machines.

    `tepui up` starts everything on this machine; `tepui app` and `tepui job` work with what runs on
    it. A flag may also be given as the environment variable that its help names (TEPUI_…) and, for
    `up` and the addresses, as a key of tepui.toml; the flag wins, then the variable, then the file.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not reachable, 4 not found,
    5 in conflict or locked.
    """
    context.default_map = {"up": _file_defaults(up)}


def _file_defaults(command: click.Command) -> dict[str, Any]:
    """The command's table of `tepui.toml`; its keys are the flags, click wants its own names."""
    names = {
        option.opts[0].removeprefix("--").replace("-", "_"): option.name
        for option in command.params
    }
    table = defaults_of(str(command.name))
    for key in table:
        if key not in names:
            raise click.UsageError(no_such_key("tepui.toml", str(command.name), key, sorted(names)))
    return {str(names[key]): value for key, value in table.items()}


def _process_command(name: str, module: str, meaning: str) -> click.Command:
    words = [module, name] if module == "kernel" else [module]

    @click.command(
        name,
        help=f"Run {meaning}.\n\n`tepui {name} --help` lists its flags.",
        short_help=f"Run {meaning.partition(':')[0]} alone.",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def run(arguments: tuple[str, ...]) -> None:
        os.execv(sys.executable, [sys.executable, "-m", *words, *arguments])

    return run


_OURS = (
    up,
    down,
    apps,
    jobs,
    agents,
    drain,
    deactivate,
    reactivate,
    maintenance,
    status,
    explain,
    backup,
    restore,
    execute,
)
for _command in _OURS:
    cli.add_command(_command)
for _name, (_module, _meaning) in PROCESSES.items():
    cli.add_command(_process_command(_name, _module, _meaning))


def main(arguments: list[str] | None = None, **extra: Any) -> None:
    """The entry point of the console script."""
    try:
        cli.main(arguments, prog_name="tepui", **extra)
    except OSError as error:  # a full disk, a directory that is not ours: no news for a traceback
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
