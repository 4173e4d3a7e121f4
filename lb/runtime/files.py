"""The configuration's files: written by rename, checked by `haproxy -c`, put in place and back.

`haproxy.cfg` is what the next start begins with; `.previous` is what comes back when HAProxy does
not take it; `.refused` is kept for people to look at. Leaves starting and reloading to
`lb.runtime.haproxy`. Source: HAProxy 2.6, management guide, §3.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import structs

from lb.model import Backend, Model
from lb.render import Rendered, Settings, render
from lb.runtime.process import CONFIG, find_program

CANDIDATE, PART = f"{CONFIG}.new", f"{CONFIG}.part"
PREVIOUS, REFUSED = f"{CONFIG}.previous", f"{CONFIG}.refused"
CHECK_TIMEOUT_S = 30
HALVINGS_MAX = 200  # checks of about 40 ms


class Files:
    """The files of one work directory."""

    def __init__(self, directory: Path, program: str, settings: Settings) -> None:
        self._directory = directory
        self._program = program
        self._settings = settings

    @property
    def text(self) -> str:
        """The configuration in place."""
        try:
            return (self._directory / CONFIG).read_text()
        except OSError:
            return ""

    async def check_candidate(self, rendered: Rendered) -> str | None:
        """What HAProxy has against it, or None."""
        self._write(rendered, CANDIDATE)
        problem = await self._check(CANDIDATE)
        if problem is not None:
            os.replace(self._directory / CANDIDATE, self._directory / REFUSED)
        return problem

    async def is_startable(self) -> bool:
        """Whether there is a file in place that HAProxy takes."""
        return (self._directory / CONFIG).exists() and await self._check(CONFIG) is None

    async def culprits(self, model: Model) -> Mapping[str, str]:
        """The backends that HAProxy refuses even when alone, found by halving."""
        found: dict[str, str] = {}
        parts: list[tuple[Backend, ...]] = [model.backends]
        for _ in range(HALVINGS_MAX):
            if not parts:
                break
            part = parts.pop()
            self._write(render(_only(model, part), self._settings), PART)
            problem = await self._check(PART)
            (self._directory / PART).unlink(missing_ok=True)
            if problem is not None and len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            elif problem is not None and part:
                found[part[0].name] = f"is refused by HAProxy and not served: {problem}"
        return found

    def put_in_place(self, rendered: Rendered) -> None:
        config, previous = self._directory / CONFIG, self._directory / PREVIOUS
        previous.unlink(missing_ok=True)
        if config.exists():
            os.link(config, previous)
        self._write(rendered, CONFIG)
        (self._directory / CANDIDATE).unlink(missing_ok=True)
        self._sweep(rendered.map_name)

    def put_back(self) -> None:
        config, previous = self._directory / CONFIG, self._directory / PREVIOUS
        if config.exists():
            os.replace(config, self._directory / REFUSED)
        if previous.exists():
            os.replace(previous, config)

    def save(self, rendered: Rendered) -> None:
        """Only servers differ from the file that was checked."""
        self._write(rendered, CONFIG)

    async def _check(self, name: str) -> str | None:
        program = find_program(self._program)
        if program is None:
            return "there is no haproxy program"
        return await asyncio.to_thread(_check, program, self._directory, name)

    def _write(self, rendered: Rendered, name: str) -> None:
        for file, text in ((rendered.map_name, rendered.map_text), (name, rendered.config)):
            temporary = self._directory / f"{file}.writing"
            temporary.write_text(text)
            os.replace(temporary, self._directory / file)

    def _sweep(self, map_name: str) -> None:
        """Maps that neither the present nor the previous configuration names."""
        previous = self._directory / PREVIOUS
        kept = previous.read_text() if previous.exists() else ""
        for path in self._directory.glob("vhosts-*.map"):
            if path.name != map_name and path.name not in kept:
                path.unlink(missing_ok=True)


def complaint(text: str) -> str:
    """The first alert of HAProxy, in one line."""
    for line in text.splitlines():
        if line.startswith("[ALERT]"):
            return " ".join(line.partition(") : ")[2].split())[:500]
    return ""


def _only(model: Model, backends: Sequence[Backend]) -> Model:
    names = {backend.name: None for backend in backends}
    rules = tuple(rule for rule in model.rules if rule.backend in names)
    return structs.replace(model, backends=tuple(backends), rules=rules)


def _check(program: str, directory: Path, name: str) -> str | None:
    try:
        done = subprocess.run(
            [program, "-c", "-f", name],
            cwd=directory,
            capture_output=True,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    if done.returncode == 0:
        return None
    return complaint(done.stderr.decode(errors="replace")) or f"status {done.returncode}"
