"""The sandboxes over HTTP: /files/browse, /files/read, /files/download, /files/debug.

Only what lies below a sandbox can be reached: the path is taken apart by the layout of
`kernel.agent.sandbox`, and the rest is opened beneath the sandbox by the system itself (openat2),
so neither `..` nor a link planted by a task leads out. Who may read is decided by whoever mounts
the routes. Source: Mesos, docs/sandbox.md; src/files/files.cpp; recordings.
"""

import asyncio
import ctypes
import errno
import grp
import os
import pwd
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kernel.messages.codec import encode
from kernel.model.ids import id_problem
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.stream import EventStream

READ_BYTES_MAX = 16 * 4096  # Mesos: 16 pages
_CHUNK_BYTES = 1 << 18
_CHUNKS_AHEAD = 8
_TEXT = "text/plain; charset=utf-8"
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]*")
_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_BENEATH, _RESOLVE_NO_MAGICLINKS = 0x08, 0x02
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.response = Response(status, text.encode(), _TEXT)


class Files:
    """`listed` gives (path, directory) of each sandbox that is known, for /files/debug."""

    def __init__(self, work_dir: str, listed: Callable[[], Iterator[tuple[str, str]]]) -> None:
        self._work_dir = work_dir
        self._listed = listed

    async def browse(self, request: Request) -> Response | Streaming:
        return await self._answer(request, self._browse)

    async def read(self, request: Request) -> Response | Streaming:
        return await self._answer(request, self._read)

    async def debug(self, request: Request) -> Response | Streaming:
        return Response(200, encode(dict(sorted(self._listed()))))

    async def download(self, request: Request) -> Response | Streaming:
        try:
            handle = await asyncio.to_thread(self._open_file, _path_of(request))
        except Refused as refused:
            missing = refused.response.status == 404
            return Response(404, b"404 Not Found.", _TEXT) if missing else refused.response
        name = _path_of(request).rstrip("/").rpartition("/")[2]
        safe = re.sub(r"[^\w.\-]", "_", name)
        headers = {"Content-Disposition": f"attachment; filename={safe}"}
        stream = EventStream()
        pump = asyncio.ensure_future(_pump(handle, stream))
        _PUMPS[id(pump)] = pump
        pump.add_done_callback(lambda done: _PUMPS.pop(id(done), None))
        return Streaming(stream, "application/octet-stream", headers)

    async def _answer(self, request: Request, view: Callable[[Request], object]) -> Response:
        try:
            shown = encode(await asyncio.to_thread(view, request))
        except Refused as refused:
            return refused.response
        callback = request.first("jsonp")
        if not callback:
            return Response(200, shown)
        if not _CALLBACK.fullmatch(callback):
            return Refused(400, "The callback of 'jsonp' must be a name.\n").response
        return Response(200, callback.encode() + b"(" + shown + b")", "text/javascript")

    def infos(self, path: str) -> list[dict[str, Any]]:
        """As LIST_FILES of the operator API has them. Raises `Refused`."""
        return [
            {
                "path": name,
                "nlink": found.st_nlink,
                "size": found.st_size,
                "mtime": {"nanoseconds": int(found.st_mtime) * 10**9},
                "mode": found.st_mode,
                "uid": _owner(found),
                "gid": _group(found),
            }
            for name, found in self._entries(path)
        ]

    def piece(self, path: str, offset: int, length: int | None) -> tuple[int, bytes]:
        """The file's size and a piece of it, as READ_FILE has them. Raises `Refused`."""
        handle = self._open_file(path)
        try:
            size = os.fstat(handle).st_size
            wanted = READ_BYTES_MAX if length is None else min(length, READ_BYTES_MAX)
            data = os.pread(handle, wanted, offset) if offset < size else b""
            return size, data
        finally:
            os.close(handle)

    def _browse(self, request: Request) -> list[dict[str, Any]]:
        return [_file_info(name, found) for name, found in self._entries(_path_of(request))]

    def _entries(self, path: str) -> list[tuple[str, os.stat_result]]:
        shown = path.rstrip("/")
        with self._opened(path, directory=True) as handle:
            entries: list[tuple[str, os.stat_result]] = []
            for name in sorted(os.listdir(handle)):
                try:
                    found = os.stat(name, dir_fd=handle, follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone since it was listed
                # A task may give its files any bytes for a name; JSON is text.
                readable = os.fsencode(name).decode(errors="replace")
                entries.append((f"{shown}/{readable}", found))
            return entries

    def _read(self, request: Request) -> dict[str, Any]:
        path = _path_of(request)
        offset = _number(request, "offset", -1)
        length = _number(request, "length", READ_BYTES_MAX)
        handle = self._open_file(path)
        try:
            size = os.fstat(handle).st_size
            if offset == -1:
                return {"data": "", "offset": size}
            if length == -1:
                length = max(0, size - offset)
            data = os.pread(handle, min(length, READ_BYTES_MAX), offset)
        finally:
            os.close(handle)
        return {"data": _text(data), "offset": offset}

    def _open_file(self, path: str) -> int:
        with self._opened(path) as handle:
            found = os.fstat(handle)
            if stat.S_ISDIR(found.st_mode):
                raise Refused(400, "Cannot read a directory.\n")
            if not stat.S_ISREG(found.st_mode):
                raise Refused(400, f"'{path}' is no plain file.\n")
            return os.dup(handle)

    @contextmanager
    def _opened(self, path: str, *, directory: bool = False) -> Iterator[int]:
        root, rest = self._locate(path)
        try:
            handle = _open_beneath(root, rest, os.O_DIRECTORY if directory else 0)
        except OSError as error:
            if error.errno in (errno.EXDEV, errno.ELOOP, errno.EACCES, errno.ENXIO):
                raise Refused(400, f"'{path}' is inaccessible.\n") from None
            raise Refused(404) from None
        try:
            yield handle
        finally:
            os.close(handle)

    def _locate(self, path: str) -> tuple[str, str]:
        """The sandbox that a path names, and the rest. Raises `Refused`."""
        if "\0" in path:
            raise Refused(404)
        for base in dict.fromkeys((self._work_dir, os.path.realpath(self._work_dir))):
            if path.startswith(base + "/"):
                parts = path[len(base) + 1 :].split("/")
                return self._sandbox(parts)
        parts = path.strip("/").split("/")
        if parts[0] == "frameworks":
            slaves = Path(self._work_dir, "slaves")
            newest_first = sorted(
                (entry for entry in slaves.glob("*") if entry.is_dir()),
                key=lambda entry: entry.stat().st_mtime,
                reverse=True,
            )
            for entry in newest_first:
                try:
                    return self._sandbox(["slaves", entry.name, *parts])
                except Refused:
                    continue
        raise Refused(404)

    def _sandbox(self, parts: list[str]) -> tuple[str, str]:
        """slaves/<id>/frameworks/<id>/executors/<id>/runs/<id>[/rest]; see `Place`."""
        if len(parts) < 8 or parts[0:7:2] != ["slaves", "frameworks", "executors", "runs"]:
            raise Refused(404)
        if any(id_problem(part) is not None for part in parts[1:8:2]):
            raise Refused(404)
        run = parts[7]
        runs = "/".join([self._work_dir, *parts[:7]])
        if run == "latest":
            try:
                run = os.readlink(f"{runs}/latest")
            except OSError:
                raise Refused(404) from None
            if id_problem(run) is not None:
                raise Refused(404)
        root = f"{runs}/{run}"
        if not os.path.isdir(root):
            raise Refused(404)
        return root, "/".join(parts[8:]).strip("/") or "."


_PUMPS: dict[int, "asyncio.Future[None]"] = {}


async def _pump(handle: int, stream: EventStream) -> None:
    """A file into an answer, no faster than the reader takes it."""
    with closing(os.fdopen(handle, "rb", buffering=0)) as file:
        while not stream.closed:
            chunk = await asyncio.to_thread(file.read, _CHUNK_BYTES)
            if not chunk:
                break
            stream.send(chunk)
            while stream.behind_bytes > _CHUNKS_AHEAD * _CHUNK_BYTES and not stream.closed:
                await asyncio.sleep(0.01)
    stream.close()


def _path_of(request: Request) -> str:
    path = request.first("path")
    if not path:
        raise Refused(400, "Expecting 'path=value' in query.\n")
    return path


def _number(request: Request, name: str, default: int) -> int:
    text = request.first(name)
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise Refused(
            400, f"Failed to parse {name}: Failed to convert '{text}' to number.\n"
        ) from None
    if number < -1:
        raise Refused(400, f"Negative {name} provided: {number}.\n")
    if number > sys.maxsize:
        raise Refused(400, f"Failed to parse {name}: {number} is too large.\n")
    return number


def _text(data: bytes) -> str:
    """As text; a character that the end cut in two is left for the next read."""
    for cut in range(min(4, len(data))):
        try:
            return data[: len(data) - cut].decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                break
    return data.decode(errors="replace")


def _file_info(path: str, found: os.stat_result) -> dict[str, Any]:
    return {
        "gid": _group(found),
        "mode": stat.filemode(found.st_mode),
        "mtime": float(int(found.st_mtime)),
        "nlink": found.st_nlink,
        "path": path,
        "size": found.st_size,
        "uid": _owner(found),
    }


def _owner(found: os.stat_result) -> str:
    return _name(lambda: pwd.getpwuid(found.st_uid).pw_name, found.st_uid)


def _group(found: os.stat_result) -> str:
    return _name(lambda: grp.getgrgid(found.st_gid).gr_name, found.st_gid)


def _name(look_up: Callable[[], str], number: int) -> str:
    try:
        return look_up()
    except KeyError:
        return str(number)


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def _open_beneath(root: str, rest: str, flags: int) -> int:
    """Open `rest` below `root` without ever leaving it. Raises OSError (EXDEV: it leads out)."""
    base = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if sys.platform == "linux":
            how = _OpenHow(_OPEN_FLAGS | flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
            handle = ctypes.CDLL(None, use_errno=True).syscall(
                _SYS_OPENAT2, base, os.fsencode(rest), ctypes.byref(how), ctypes.sizeof(how)
            )
            if handle >= 0:
                return int(handle)
            if ctypes.get_errno() != errno.ENOSYS:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return _open_checked(root, rest, flags)
    finally:
        os.close(base)


def _open_checked(root: str, rest: str, flags: int) -> int:
    """Where there is no openat2: the real path is checked, and no link is followed after that."""
    real_root = os.path.realpath(root)
    real = os.path.realpath(os.path.join(real_root, rest))
    if real != real_root and not real.startswith(real_root + "/"):
        raise OSError(errno.EXDEV, "leads out of the sandbox")
    return os.open(real, _OPEN_FLAGS | flags | os.O_NOFOLLOW)
