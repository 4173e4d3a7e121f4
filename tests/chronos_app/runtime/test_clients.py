"""The client that people have, unmodified: chronos-python, on both versions of the API."""

import pytest

from tests.chronos_app.runtime.conftest import ChronosProcess

client = pytest.importorskip("chronos", reason="chronos-python is a test extra")


def job(name: str, **more: object) -> dict[str, object]:
    return {
        "async": False,
        "command": "echo 1",
        "epsilon": "PT15M",
        "name": name,
        "owner": "me@foo.com",
        "disabled": True,
        "schedule": "R0/2014-01-01T00:00:00Z/PT60M",
        **more,
    }


@pytest.mark.parametrize("version", ["v1", None])
def test_chronos_python_does_all_it_can(chronos: ChronosProcess, version: str | None) -> None:
    """Source: chronos-python, itests/*.feature."""
    there = client.connect(f"127.0.0.1:{chronos.port}", scheduler_api_version=version)
    name = "my job" if version is None else "myjob"

    there.add(job(name))
    there.update(job(name, command="echo 2"))
    there.add(job("other"))

    assert [each["name"] for each in there.list()] == [name, "other"]
    assert [each["command"] for each in there.search(name=name)] == ["echo 2"]
    assert there.job_stat(name)["histogram"]["count"] == 0
    assert there.scheduler_stat_99th()[0]["time"] == 0.0
    assert len(there.scheduler_graph().strip().split("\n")) == 2
    assert "version" in there.metrics()
    assert there.run("other") is None and there.delete_tasks("other") is None
    with pytest.raises(client.ChronosAPIError):
        there.delete("nobody")
    for each in there.list():
        assert there.delete(each["name"]) is None
    assert there.list() == []


def test_a_name_with_a_space_is_refused_by_3x(chronos: ChronosProcess) -> None:
    there = client.connect(f"127.0.0.1:{chronos.port}")

    with pytest.raises(client.ChronosAPIError):
        there.add(job("my job"))
