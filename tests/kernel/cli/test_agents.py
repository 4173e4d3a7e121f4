"""Agents in and out of service by command, against a real master and agent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kernel.cli.agents import state_of
from kernel.cli.main import cli
from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import Scheduler


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    own = OwnCluster(tmp_path_factory.mktemp("commands"))
    try:
        yield own
    finally:
        own.end()


def tepui(cluster: OwnCluster, *words: str) -> Result:
    flags = ["--master", f"http://{cluster.master}", "--dir", str(cluster.directory)]
    return CliRunner().invoke(cli, [*words, *flags])


def test_an_agent_is_drained_and_reactivated_by_command(cluster: OwnCluster) -> None:
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("t")

        begun = tepui(cluster, "drain", "S0", "--grace", "2s", "--json")
        early = tepui(cluster, "reactivate", "S0")
        listed = tepui(cluster, "agents")
        scheduler.status("t", "TASK_KILLED")
        over = tepui(cluster, "drain", "localhost", "--wait")
        again = tepui(cluster, "reactivate", "localhost")

    assert json.loads(begun.output)["state"] == "draining"
    assert early.exit_code == 1 and "still in the DRAINING state" in early.output
    assert "draining" in listed.output
    assert over.exit_code == 0 and over.output.endswith("-S0 is drained.\n")
    assert again.exit_code == 0 and "is offered again" in again.output
    assert "  active  " in tepui(cluster, "agents").output


def test_an_agent_is_deactivated_by_command(cluster: OwnCluster) -> None:
    done = tepui(cluster, "deactivate", f"localhost:{cluster.agent.port}")

    assert done.exit_code == 0 and "until `tepui reactivate" in done.output
    assert "deactivated" in tepui(cluster, "agents").output
    assert tepui(cluster, "reactivate", "S0").exit_code == 0
    refused = tepui(cluster, "reactivate", "S0")
    assert refused.exit_code == 1 and "Agent is not deactivated" in refused.output


@pytest.mark.parametrize("name", ["nobody", "no-such-agent"])
def test_an_agent_that_is_not_there_is_not_found(cluster: OwnCluster, name: str) -> None:
    done = tepui(cluster, "drain", name)

    assert done.exit_code == 4 and name in done.output


def test_a_grace_that_is_none_is_wrong_usage(cluster: OwnCluster) -> None:
    done = tepui(cluster, "drain", "S0", "--grace", "soon")

    assert done.exit_code == 2 and "30s" in done.output


def test_each_state_has_a_word() -> None:
    assert state_of({"active": True}) == "active"
    assert state_of({"active": False}) == "disconnected"
    assert state_of({"active": False, "deactivated": True}) == "deactivated"
    assert state_of({"deactivated": True, "drain_info": {"state": "DRAINED"}}) == "drained"


def test_nobody_answers_from_where_there_is_no_master(tmp_path: Path) -> None:
    words = ["agents", "--master", "http://127.0.0.1:9", "--dir", str(tmp_path)]

    assert CliRunner().invoke(cli, words).exit_code == 3
