"""What a real master measures of itself is in its metrics: recording v0-metrics-snapshot."""

from pathlib import Path

from tests.kernel.runtime.master.live import LiveAgent, LiveScheduler, live_master


def test_passes_and_commits_are_measured(tmp_path: Path) -> None:
    with live_master(tmp_path) as master:
        LiveAgent(master)  # its admission is a commit
        LiveScheduler(master).offer()  # which comes of a pass
        shown = master.request("GET", "/metrics/snapshot").json()

    for name in ("allocator/mesos/allocation_run_ms", "registrar/state_store_ms"):
        assert shown[f"{name}/count"] >= 1
        assert 0 <= shown[f"{name}/min"] <= shown[f"{name}/p50"] <= shown[f"{name}/max"]
    assert shown["master/slave_registrations"] == 1
    assert shown["master/messages_register_framework"] == 1
