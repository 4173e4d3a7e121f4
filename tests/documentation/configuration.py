"""Makes docs/configuration.md from the flags of `tepui up` and the config of every process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import click
from msgspec import Meta, Struct

import chronos_app.runtime.config
import deliveries.config
import lb.runtime.config
import marathon_app.runtime.config
import web.config
from kernel.cli.up import up
from kernel.runtime.agent.config import AgentConfig
from kernel.runtime.config import Setting, settings
from kernel.runtime.master.config import MasterConfig

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"

HEAD = """# Configuration

<!-- Made from the code by `python -m tests.documentation`: change the code, not this page. -->

Everything can be set in three ways; the first that is given wins:

1. a flag: `tepui master --port 5060`
2. an environment variable: `TEPUI_MASTER_PORT=5060`
3. a key of `tepui.toml` in the directory where the process is started:

       [master]
       port = 5060

`tepui up` passes addresses, ports and directories to the processes that it starts; everything
else of theirs can be set by variable or file all the same. Client commands (`tepui app`, `tepui
job`, `tepui agents`, `tepui drain`, `tepui maintenance`, `tepui status`, `tepui explain` and
their like) find the cluster by `--marathon`, `--chronos`, `--master`,
then `TEPUI_MARATHON` and so on, then `[cli]` in `tepui.toml`, then what `tepui up` wrote into
`--dir` (`TEPUI_DIR`, default `.tepui`). `tepui backup` and `tepui restore` find the stores as their
processes do: by `--master-store`, then `TEPUI_MASTER_STORE`, then `store` under `[master]`.

Three variables count for every process: `TEPUI_LOG` (warning, info, debug) is how much it logs;
`TEPUI_ALLOWED_HOSTS` (names, with commas) is under which host names beside localhost and its own
address a server may be asked, since a foreign name is how other sites reach into a loopback;
`TEPUI_VENV` is where `./tepui` puts its virtual environment.
"""

PROCESSES: tuple[tuple[str, type[Struct]], ...] = (
    ("master", MasterConfig),
    ("agent", AgentConfig),
    ("marathon", marathon_app.runtime.config.Config),
    ("chronos", chronos_app.runtime.config.Config),
    ("lb", lb.runtime.config.LbConfig),
    ("web", web.config.Config),
    ("deliveries", deliveries.config.Config),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD, "\n".join(section_up())]
    parts += ["\n".join(section(name, kind)) for name, kind in PROCESSES]
    return "\n".join(parts)


def section_up() -> Iterator[str]:
    yield "## `tepui up`"
    yield ""
    yield "| Flag | Variable | Key in `[up]` | Meaning |"
    yield "|---|---|---|---|"
    context = click.Context(up, info_name="up", auto_envvar_prefix="TEPUI_UP")
    for option in up.params:
        assert isinstance(option, click.Option)
        variable = option.envvar or f"TEPUI_UP_{option.name}".upper()
        _, words = option.get_help_record(context) or ("", "")
        meaning = " ".join((option.help or "").split()) or words
        default = (
            "" if option.is_flag or not option.show_default else f" Default: {option.default}."
        )
        yield row(f"`{option.opts[0]}`", f"`{variable}`", f"`{option.name}`", meaning + default)
    yield ""


def section(name: str, kind: type[Struct]) -> Iterator[str]:
    yield f"## `tepui {name}`"
    yield ""
    yield " ".join((kind.__doc__ or "").split())
    yield ""
    yield "| Flag | Variable | Range | Default | Meaning |"
    yield "|---|---|---|---|---|"
    for setting in settings(kind, name):
        yield row(f"`{setting.flag}`", f"`{setting.env}`", limits(setting), default(setting),
                  setting.description)  # fmt: skip
    yield ""


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def default(setting: Setting) -> str:
    value: Any = setting.default
    if value in (None, "", (), []):
        return ""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"`{text}`"


def limits(setting: Setting) -> str:
    """The range that the type allows, in the notation of mathematics."""
    if get_origin(setting.kind) is None:
        return ""
    for meta in get_args(setting.kind):
        if isinstance(meta, Meta):
            low = next((f"{sign} {edge:g}" for sign, edge in edges(meta, "g")), "")
            high = next((f"{sign} {edge:g}" for sign, edge in edges(meta, "l")), "")
            return ", ".join(edge for edge in (low, high) if edge)
    return ""


def edges(meta: Meta, side: str) -> Iterator[tuple[str, float]]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for name, sign in signs.items():
        value = getattr(meta, name)
        if name.startswith(side) and value is not None:
            yield sign, value
