"""Maintenance by command, against a real master and agent."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from kernel.cli.main import cli
from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import Scheduler
from tests.contracts.wire import wait_until


def tepui(cluster: OwnCluster, *words: str) -> Result:
    flags = ["--master", f"http://{cluster.master}", "--dir", str(cluster.directory)]
    return CliRunner().invoke(cli, [*words, *flags])


def test_a_machine_is_planned_to_be_away_taken_down_and_brought_up(tmp_path: Path) -> None:
    cluster = OwnCluster(tmp_path)
    try:
        with Scheduler(cluster.master) as scheduler:
            planned = tepui(
                cluster, "maintenance", "plan", "localhost", "--in", "1h", "--for", "2h"
            )
            assert planned.exit_code == 0, planned.output
            scheduler.offer(lambda offer: "unavailability" in offer)
        tepui(cluster, "maintenance", "plan", "10.0.0.7", "--in", "5mins")
        shown = tepui(cluster, "maintenance", "show")
        assert "localhost" in shown.output and "draining" in shown.output and "2 h" in shown.output
        assert "10.0.0.7" in shown.output and "ever" in shown.output
        assert "  20" in tepui(cluster, "agents").output  # the year in which it is away

        started = tepui(cluster, "maintenance", "start", "localhost")
        assert started.output == "localhost is down.\n"
        wait_until(cluster.the_agent.has_ended, what="the agent has ended")
        assert "localhost is down for maintenance." in tepui(cluster, "agents").output
        refused = tepui(cluster, "maintenance", "cancel", "localhost")
        assert refused.exit_code == 1 and "cannot be removed" in refused.output

        assert tepui(cluster, "maintenance", "stop", "localhost").exit_code == 0
        assert tepui(cluster, "maintenance", "cancel", "10.0.0.7").exit_code == 0
        left = json.loads(tepui(cluster, "maintenance", "show", "--json").output)
        assert left == {"schedule": {}, "status": {}}
        assert tepui(cluster, "maintenance", "show").output == "No maintenance is planned.\n"
    finally:
        cluster.end()


def test_what_cannot_be_is_said_so(tmp_path: Path) -> None:
    cluster = OwnCluster(tmp_path, agents=0)
    try:
        unplanned = tepui(cluster, "maintenance", "start", "nowhere")
        odd = tepui(cluster, "maintenance", "plan", "nowhere", "--in", "soon")
    finally:
        cluster.end()

    assert unplanned.exit_code == 1
    assert "is not part of a maintenance schedule" in unplanned.output
    assert odd.exit_code == 2 and "10mins" in odd.output
