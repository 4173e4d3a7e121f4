"""Chronos's questions and orders. Source: chronos.md §2; `/v1/scheduler/tepui` is Tepui's own."""

from collections.abc import Mapping
from typing import Any

from web.client import Part, Reply, name_of
from web.shapes import chronos as shapes

LIST_AGE_S = 0.5
BASE = "/v1/scheduler"


class Chronos:
    def __init__(self, part: Part) -> None:
        self.part = part

    def jobs(self) -> list[shapes.Job]:
        reply = self.part.get(f"{BASE}/tepui/jobs", max_age_s=LIST_AGE_S)
        if reply.body.lstrip()[:1] == b"{":
            return self.part.read(reply, shapes.Jobs).jobs
        return self.part.read(reply, list[shapes.Job])

    def job(self, name: str) -> shapes.Job | None:
        """One job with its next runs: by its own anchor, not as if it were submitted now."""
        reply = self.part.get(f"{BASE}/tepui/job/{name_of(name)}", max_age_s=LIST_AGE_S)
        if reply.status in (400, 404):
            return None
        return self.part.read(reply, shapes.Job)

    def definition(self, name: str) -> dict[str, Any] | None:
        """The job as Chronos holds it, every key kept, for editing."""
        reply = self.part.get(f"{BASE}/job/{name_of(name)}")
        if reply.status in (400, 404):
            return None
        self.part.read(reply, dict)
        answer = reply.json()
        return answer if isinstance(answer, dict) else None

    def runs(self, name: str) -> list[shapes.Run]:
        reply = self.part.get(f"{BASE}/tepui/job/{name_of(name)}/runs", max_age_s=LIST_AGE_S)
        if reply.status in (400, 404):
            return []
        if reply.body.lstrip()[:1] == b"{":
            return self.part.read(reply, shapes.Runs).runs
        return self.part.read(reply, list[shapes.Run])

    def log(self, name: str, run_id: str, stream: str) -> Reply:
        path = f"{BASE}/tepui/job/{name_of(name)}/runs/{name_of(run_id)}/log"
        return self.part.get(path, {"stream": stream})

    def preview(self, schedule: str, zone: str, count: int = 5) -> Reply:
        body = {"schedule": schedule, "scheduleTimeZone": zone, "count": count}
        return self.part.send("POST", f"{BASE}/tepui/preview", body, is_write=False)

    def save(self, job: Mapping[str, Any]) -> Reply:
        return self.part.send(
            "POST", f"{BASE}/{'dependency' if job.get('parents') else 'iso8601'}", job
        )

    def run_now(self, name: str) -> Reply:
        return self.part.send("PUT", f"{BASE}/job/{name_of(name)}")

    def kill(self, name: str) -> Reply:
        return self.part.send("DELETE", f"{BASE}/task/kill/{name_of(name)}")

    def delete(self, name: str) -> Reply:
        return self.part.send("DELETE", f"{BASE}/job/{name_of(name)}")
