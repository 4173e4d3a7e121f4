"""Pages lead where they say: their links exist, and their commands and flags are there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kernel.cli.main import PROCESSES, cli
from kernel.runtime.config import settings
from tests.documentation.configuration import PROCESSES as CONFIGURED

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
COMMAND = re.compile(r"^ {4}(?:\./|\.venv/bin/)?tepui (?P<words>[^#\n]+)", re.MULTILINE)
FLAGS = {name: {setting.flag for setting in settings(kind, name)} for name, kind in CONFIGURED}


def _anchors(page: Path) -> set[str]:
    """Of its headings, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in COMMAND.finditer(page.read_text().replace("\\\n", " ")):
            yield page.name, found["words"].strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for found in LINK.finditer(page.read_text()):
        target = (page.parent / found["path"]).resolve() if found["path"] else page
        assert target.exists(), found[0]
        if found["anchor"]:
            assert found["anchor"] in _anchors(target), found[0]


@pytest.mark.parametrize(("page", "words"), list(_commands()))
def test_the_commands_of_a_page_are_there_with_their_flags(page: str, words: str) -> None:
    del page  # names the case
    command: click.Command = cli
    parts = shlex.split(words)
    while isinstance(command, click.Group) and parts and not parts[0].startswith("-"):
        found = command.commands.get(parts[0])
        if found is None and parts[0] == "test":  # `./tepui test` is the script's own
            return
        assert found is not None, f"there is no command {parts[0]}"
        command = found
        parts.pop(0)
    known = {name for option in command.params for name in option.opts}
    if command.name in PROCESSES:
        known = FLAGS[str(command.name)] | {f"--no-{f[2:]}" for f in FLAGS[str(command.name)]}
    known |= {"--help", "--version"}
    assert {part.partition("=")[0] for part in parts if part.startswith("--")} <= known
