"""A master with limits makes one principal's calls wait or come back later, and nobody else's."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kernel.runtime.master.live import JSON_HEADERS, LiveMaster, LiveScheduler, live_master

LIMITS = {"limits": [{"principal": "busy", "qps": 1, "capacity": 2}]}


def metrics(master: LiveMaster) -> dict[str, float]:
    found: dict[str, float] = master.request("GET", "/metrics/snapshot").json()
    return found


def test_over_capacity_is_429_with_a_time_and_the_framework_lives_on(tmp_path: Path) -> None:
    """Source: mesos.md §1.1 (rate limiting)."""
    with live_master(tmp_path, "--rate-limits", json.dumps(LIMITS)) as master:
        busy = LiveScheduler(master, principal="busy")
        other = LiveScheduler(master, principal="other")
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: busy.call("REVIVE"), range(8)))

        refused = [reply for reply in replies if reply.status == 429]
        assert sorted(reply.status for reply in replies) == [202] * 2 + [429] * 6
        assert all(int(reply.headers["Retry-After"]) >= 1 for reply in refused)
        assert "principal 'busy'" in refused[0].text and "send it again in" in refused[0].text
        assert [other.call("REVIVE").status for _ in range(5)] == [202] * 5
        body = {"type": "GET_HEALTH"}
        assert master.request("POST", "/api/v1", body, JSON_HEADERS).status == 200

        shown = metrics(master)
        assert shown["frameworks/busy/messages_received"] == 9  # with its SUBSCRIBE
        assert shown["frameworks/busy/messages_processed"] == 3
        assert shown["frameworks/other/messages_processed"] == 6
        assert shown["master/uptime_secs"] > 0 and shown["system/cpus_total"] >= 1
