"""The books: names that are minted, words that are understood, history that ends."""

from kernel.machine import Now
from kernel.master.cluster import master_status
from kernel.model.ids import FrameworkId
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage


def test_names_are_minted_as_mesos_mints_them() -> None:
    """Source: mesos.md §1.2, §1.3, §2.7.1."""
    cluster = Stage().master.cluster

    assert [cluster.mint("S"), cluster.mint("S")] == ["M0-S0", "M0-S1"]
    assert cluster.mint("O") == "M0-O0"
    assert [cluster.mint(""), cluster.mint("")] == ["M0-0000", "M0-0001"]


def test_a_master_made_status_is_in_the_frameworks_words() -> None:
    stage = Stage()
    legacy = stage.framework(capabilities=())
    framework = stage.master.cluster.frameworks[FrameworkId(legacy.framework_id)]

    status = master_status(
        framework, "t", TaskState.UNREACHABLE, "REASON_X", "why", Now(0, 1_500), agent_id="S"
    )

    assert (status.state, status.timestamp, status.uuid) == (TaskState.LOST, 1.5, None)
