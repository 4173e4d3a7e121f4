"""Fills a sandbox before its task starts: directories, and the URIs that the task names.

Files and extraction run as the task's user, so that a task can't have read what its user may not.
There is no cache yet. Source: Mesos, docs/fetcher.md; src/launcher/fetcher.cpp.
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kernel.agent.volumes import mounts_of
from kernel.messages.v1 import Uri
from kernel.runtime.agent.config import AgentConfig
from kernel.runtime.agent.container import Container, user_of
from kernel.runtime.agent.volumes import link_volumes
from kernel.runtime.client import TROUBLE, HttpClient

STALL_S = 60  # Mesos: --fetcher_stall_timeout
SANDBOX_MODE = 0o750
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")


class FetchFailed(Exception):
    """The text says which URI and why."""


def make_sandbox(container: Container, config: AgentConfig) -> None:
    """Directories, links and empty outputs. Raises OSError, `NoSuchUser`."""
    user = user_of(container, config)
    sandbox = Path(container.sandbox)
    sandbox.mkdir(parents=True, exist_ok=True)
    sandbox.chmod(SANDBOX_MODE)
    Path(container.record).mkdir(parents=True, exist_ok=True, mode=0o700)
    if container.by_operator is None:
        latest = Path(container.place.latest(container.work_dir))
        latest.unlink(missing_ok=True)
        latest.symlink_to(container.place.container_id)
    for name in ("stdout", "stderr"):
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
        handle = os.open(sandbox / name, flags, 0o644)
        if user is not None:
            os.fchown(handle, user.pw_uid, user.pw_gid)
        os.close(handle)
    if container.by_operator is None:
        link_volumes(sandbox, mounts_of(container.resources, container.work_dir), user)
    if user is not None:
        os.chown(sandbox, user.pw_uid, user.pw_gid)


async def fetch_all(client: HttpClient, container: Container, config: AgentConfig) -> None:
    """Each URI in turn. Raises `FetchFailed`."""
    command = container.command
    for uri in command.uris if command is not None else []:
        try:
            await _fetch(client, uri, container, config)
        except (OSError, *TROUBLE) as error:
            raise FetchFailed(
                f"Failed to fetch '{uri.value}': {error or type(error).__name__}"
            ) from error


async def _fetch(client: HttpClient, uri: Uri, container: Container, config: AgentConfig) -> None:
    name = _file_name(uri)
    target = Path(container.sandbox) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    switch = as_user(container, config)
    parts = urlsplit(uri.value)
    if parts.scheme in ("http", "https"):
        await _download(client, uri.value, target)
        _give(target, container, config)
    elif parts.scheme in ("", "file"):
        path = uri.value if not parts.scheme else unquote(parts.path)
        if not path.startswith("/"):
            raise FetchFailed(f"Failed to fetch '{uri.value}': write an absolute path")
        await _run(uri, [*switch, "cp", "-rL", "--", path, str(target)], container)
    else:
        raise FetchFailed(
            f"Failed to fetch '{uri.value}': the scheme {parts.scheme} is not supported;"
            " file, http and https are"
        )
    if uri.executable:
        target.chmod(0o755)
    elif uri.extract:
        command = _extraction(target)
        if command:
            await _run(uri, [*switch, *command], container)


def _file_name(uri: Uri) -> str:
    """Where in the sandbox it goes. Raises `FetchFailed` for a name that leaves it."""
    name = uri.output_file or unquote(urlsplit(uri.value).path).rstrip("/").rpartition("/")[2]
    parts = Path(name).parts
    if not name or name.startswith("/") or ".." in parts or "\0" in name:
        raise FetchFailed(f"Failed to fetch '{uri.value}': '{name}' is no name in the sandbox")
    return name


def _extraction(target: Path) -> list[str]:
    name, directory = target.name.lower(), str(target.parent)
    if name.endswith(_TAR):
        return ["tar", "-C", directory, "-xf", str(target)]
    if name.endswith(".zip"):
        # The system may lack unzip; Python has its own and drops what would leave the directory.
        return [sys.executable, "-I", "-m", "zipfile", "-e", str(target), directory]
    if name.endswith(".gz"):
        return ["gzip", "-dkf", "--", str(target)]
    return []


async def _download(client: HttpClient, url: str, target: Path) -> None:
    async with client.stream("GET", url, silence_timeout_s=STALL_S) as first:
        answer = first
        if answer.status in (301, 302, 303, 307, 308):
            location = str(answer.url.join(answer.url.__class__(answer.headers["Location"])))
        else:
            await _store(answer, target)
            return
    async with client.stream("GET", location, silence_timeout_s=STALL_S) as answer:
        await _store(answer, target)


async def _store(answer: object, target: Path) -> None:
    status = getattr(answer, "status", 0)
    if status != 200:
        raise OSError(f"the server answered {status}")
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o644), "wb") as file:
        async for chunk in answer.content.iter_chunked(1 << 18):  # type: ignore[attr-defined]
            await asyncio.to_thread(file.write, chunk)


def _give(target: Path, container: Container, config: AgentConfig) -> None:
    user = user_of(container, config)
    if user is not None:
        os.chown(target, user.pw_uid, user.pw_gid, follow_symlinks=False)


def as_user(container: Container, config: AgentConfig) -> list[str]:
    """Words before a command that make it run as the task's user."""
    user = user_of(container, config)
    if user is None:
        return []
    setpriv = shutil.which("setpriv") or "setpriv"
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--"]


async def _run(uri: Uri, command: list[str], container: Container) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=container.sandbox,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        text = said.decode(errors="replace").strip().splitlines()
        why = text[-1] if text else f"exited with status {process.returncode}"
        raise FetchFailed(f"Failed to fetch '{uri.value}': {why}")
