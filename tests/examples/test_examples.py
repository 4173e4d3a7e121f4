"""The files that the README tells people to use are what they say they are."""

import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def read(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_text())


def apps() -> list[Any]:
    return [
        read("app-v1.json"),
        read("app-v2.json"),
        read("app-broken.json"),
        *read("group.json")["apps"],
    ]


@pytest.mark.parametrize("app", apps(), ids=lambda app: f"{app['id']} {app['cmd'][-10:]}")
def test_an_example_app_carries_the_program_beside_it(app: Any) -> None:
    assert app["env"]["WEB"] == (EXAMPLES / "web.py").read_text()


def test_the_versions_differ_in_nothing_but_their_command() -> None:
    first, second, broken = read("app-v1.json"), read("app-v2.json"), read("app-broken.json")

    assert first.pop("cmd") != second.pop("cmd") != broken.pop("cmd")
    assert first == second == broken


def test_every_parent_in_the_chain_of_jobs_is_a_job_before_it() -> None:
    known: list[str] = []
    for job in read("jobs-dag.json"):
        assert all(parent in known for parent in job.get("parents", []))
        known.append(job["name"])
