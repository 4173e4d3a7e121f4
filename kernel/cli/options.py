"""The flags that the client commands share: where the cluster is, and whether to answer in JSON."""

from collections.abc import Callable
from typing import Any

import click

from kernel.cli.settings import Where, defaults_of, find

JSON = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
NO_WAIT = click.option("--no-wait", is_flag=True, help="Return at once, with the deployment's id.")
FORCE = click.option("--force", is_flag=True, help="Take over from a deployment that is under way.")
TIMEOUT = click.option("--timeout", type=click.FloatRange(1), default=300, show_default=True,
                       show_envvar=True, help="Seconds to wait for the deployment.")  # fmt: skip


def where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the address flags to a command; `locate` makes addresses of them."""
    meanings = {
        "chronos": "Address of chronos.",
        "marathon": "Address of marathon.",
        "master": "Address of the master.",
    }
    for name, meaning in meanings.items():
        text = f"{meaning}  [default: that of the cluster in --dir]"
        variable = f"TEPUI_{name.upper()}"
        command = click.option(
            f"--{name}", envvar=variable, show_envvar=True, metavar="URL", help=text
        )(command)
    return click.option(
        "--dir", "directory", envvar="TEPUI_DIR", show_envvar=True, metavar="DIR",
        help="Directory of the cluster whose addresses to use.  [default: .tepui]",
    )(command)  # fmt: skip


def locate(flags: dict[str, Any]) -> Where:
    """Takes the address flags out of a command's flags."""
    table = defaults_of("cli")
    given = {name: flags.pop(name) or table.get(name) for name in ("master", "marathon", "chronos")}
    return find(flags.pop("directory") or table.get("dir"), **given)
