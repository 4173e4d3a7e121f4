"""The sandboxes over HTTP, and no way out of them. Source: recordings, v0-agent-files-*."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kernel.runtime.agent.files import Files
from kernel.runtime.http import Request, Response, Streaming

RUNS = "slaves/S0/frameworks/F/executors/t/runs"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work directory with one sandbox, and a secret beside it."""
    sandbox = tmp_path / "work" / RUNS / "c-1"
    sandbox.mkdir(parents=True)
    (sandbox.parent / "latest").symlink_to("c-1")
    (sandbox / "stdout").write_text("hello\nfrom the task\n")
    (sandbox / "stderr").write_text("")
    (tmp_path / "work" / "meta").mkdir()
    (tmp_path / "work" / "meta" / "secret").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "work"


def ask(work: Path, what: str, **query: object) -> Response:
    files = Files(str(work), lambda: iter(()))
    request = Request("GET", "/", {name: [str(each)] for name, each in query.items()}, {}, b"")
    answer = asyncio.run(getattr(files, what)(request))
    assert isinstance(answer, Response)
    return answer


def shown(answer: Response) -> Any:
    assert answer.status == 200, answer
    return json.loads(answer.body)


@pytest.mark.parametrize("run", ["c-1", "latest"])
def test_reading_gives_text_and_offset(work: Path, run: str) -> None:
    path = f"{work}/{RUNS}/{run}/stdout"

    assert shown(ask(work, "read", path=path, offset=0)) == {
        "data": "hello\nfrom the task\n",
        "offset": 0,
    }
    assert shown(ask(work, "read", path=path, offset=0, length=8))["data"] == "hello\nfr"
    assert shown(ask(work, "read", path=path, offset=3, length=-1))["data"][:3] == "lo\n"
    assert shown(ask(work, "read", path=path, offset=9999)) == {"data": "", "offset": 9999}


@pytest.mark.parametrize("offset", [{}, {"offset": -1}])
def test_without_an_offset_the_length_is_told(work: Path, offset: dict[str, int]) -> None:
    path = f"{work}/{RUNS}/c-1/stdout"

    assert shown(ask(work, "read", path=path, **offset)) == {"data": "", "offset": 20}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"offset": -2}, "Negative offset provided: -2.\n"),
        ({"offset": 0, "length": -2}, "Negative length provided: -2.\n"),
        ({"offset": "x"}, "Failed to parse offset: Failed to convert 'x' to number.\n"),
    ],
)
def test_bad_numbers_are_refused_in_mesos_words(
    work: Path, query: dict[str, object], text: str
) -> None:
    answer = ask(work, "read", path=f"{work}/{RUNS}/c-1/stdout", **query)

    assert (answer.status, answer.body.decode()) == (400, text)


def test_a_path_is_needed(work: Path) -> None:
    for what in ("read", "browse"):
        answer = ask(work, what)
        assert (answer.status, answer.body) == (400, b"Expecting 'path=value' in query.\n")


def test_browsing_lists_by_the_path_that_was_asked(work: Path) -> None:
    for base in (f"{work}/{RUNS}/latest", "/frameworks/F/executors/t/runs/latest"):
        entries = shown(ask(work, "browse", path=base))
        assert [each["path"] for each in entries] == [f"{base}/stderr", f"{base}/stdout"]
        assert entries[1]["size"] == 20
        assert entries[1]["mode"] == "-rw-r--r--"
        assert set(entries[1]) == {"gid", "mode", "mtime", "nlink", "path", "size", "uid"}


def test_a_file_whose_name_is_no_text_is_listed_nevertheless(work: Path) -> None:
    (work / RUNS / "c-1" / os.fsdecode(b"bad\xff")).touch()

    entries = shown(ask(work, "browse", path=f"{work}/{RUNS}/c-1"))

    assert [entry["path"].rpartition("/")[2] for entry in entries] == ["bad�", "stderr", "stdout"]


def test_what_is_not_there_is_404(work: Path) -> None:
    for path in ("/no/such", f"{work}/{RUNS}/c-2/stdout", f"{work}/{RUNS}/c-1/none"):
        assert ask(work, "read", path=path, offset=0).status == 404
        assert ask(work, "browse", path=path).status == 404


def test_a_directory_cannot_be_read(work: Path) -> None:
    answer = ask(work, "read", path=f"{work}/{RUNS}/c-1", offset=0)

    assert (answer.status, answer.body) == (400, b"Cannot read a directory.\n")


@pytest.mark.parametrize(
    "path",
    [
        "{work}/{runs}/c-1/../../../../../../../../../secret",
        "{work}/{runs}/c-1/../../../../../../../../meta/secret",
        "{work}/meta/secret",
        "{work}/../secret",
        "{work}/slaves/../meta/secret",
        "{work}/slaves/S0/frameworks/F/executors/../executors/runs/c-1/stdout",
        "/etc/hostname",
        "/frameworks/../../secret/x/x/x/x",
        "{work}/{runs}/c-1/link",
        "{work}/{runs}/c-1/up/secret",
        "{work}/{runs}/c-1/deep/link",
        "{work}/{runs}/c-1/\0",
    ],
)
def test_no_path_and_no_link_leads_out(work: Path, path: str) -> None:
    sandbox = work / RUNS / "c-1"
    (sandbox / "link").symlink_to("/etc/hostname")
    (sandbox / "up").symlink_to("../../../../../../../..")
    (sandbox / "deep").mkdir()
    (sandbox / "deep" / "link").symlink_to(work.parent / "secret")
    asked = path.format(work=work, runs=RUNS)

    for what in ("read", "browse"):
        answer = ask(work, what, path=asked, offset=0)
        assert answer.status in (400, 404)
        assert b"secret\n" not in answer.body


def test_links_within_the_sandbox_are_followed(work: Path) -> None:
    (work / RUNS / "c-1" / "inner").symlink_to("stdout")

    assert shown(ask(work, "read", path=f"{work}/{RUNS}/c-1/inner", offset=0))["data"]


def test_a_pipe_neither_blocks_nor_opens(work: Path) -> None:
    os.mkfifo(work / RUNS / "c-1" / "pipe")

    assert ask(work, "read", path=f"{work}/{RUNS}/c-1/pipe", offset=0).status == 400


def test_a_forged_latest_link_leads_nowhere(work: Path) -> None:
    latest = work / RUNS / "latest"
    latest.unlink()
    latest.symlink_to("../../../../../../../meta")

    assert ask(work, "read", path=f"{latest}/secret", offset=0).status == 404


def test_a_character_that_is_cut_in_two_waits_for_the_next_read(work: Path) -> None:
    path = work / RUNS / "c-1" / "stdout"
    path.write_text("aé")

    assert shown(ask(work, "read", path=path, offset=0, length=2))["data"] == "a"
    assert shown(ask(work, "read", path=path, offset=1, length=2))["data"] == "é"


def test_a_callback_must_be_a_name(work: Path) -> None:
    path = f"{work}/{RUNS}/c-1/stdout"

    good = ask(work, "read", path=path, offset=0, length=5, jsonp="cb")
    assert good.body == b'cb({"data":"hello","offset":0})'
    assert good.content_type == "text/javascript"
    assert ask(work, "read", path=path, offset=0, jsonp="alert(1)//").status == 400


def test_a_download_is_the_whole_file(work: Path) -> None:
    big = work / RUNS / "c-1" / "big"
    big.write_bytes(os.urandom(6_000_000))

    async def whole() -> tuple[Streaming, bytes]:
        files = Files(str(work), lambda: iter(()))
        answer = await files.download(Request("GET", "/", {"path": [str(big)]}, {}, b""))
        assert isinstance(answer, Streaming)
        return answer, b"".join([chunk async for chunk in answer.stream.chunks()])

    answer, data = asyncio.run(whole())

    assert data == big.read_bytes()
    assert answer.headers["Content-Disposition"] == "attachment; filename=big"
    assert ask(work, "download", path=f"{work}/{RUNS}/c-1/none").body == b"404 Not Found."
