"""Marathon's questions and orders. Source: marathon.md §2.3 to §2.8; `/v3` is Tepui's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from web.client import Part, Reply, path_of
from web.shapes import marathon as shapes

LIST_AGE_S = 0.4
EMBED_LIST = ["apps.counts", "apps.deployments", "apps.lastTaskFailure"]
EMBED_ONE = ["app.tasks", "app.counts", "app.deployments", "app.lastTaskFailure"]


class Marathon:
    def __init__(self, part: Part) -> None:
        self.part = part

    def apps(self) -> list[shapes.App]:
        reply = self.part.get("/v2/apps", {"embed": EMBED_LIST}, max_age_s=LIST_AGE_S)
        return self.part.read(reply, shapes.Apps).apps

    def app(self, app_id: str, *, max_age_s: float = 0.2) -> shapes.App | None:
        query = {"embed": EMBED_ONE}
        reply = self.part.get(path_of("v2/apps", app_id), query, max_age_s=max_age_s)
        return None if reply.status == 404 else self.part.read(reply, shapes.AppAnswer).app

    def definition(self, app_id: str, version: str = "") -> dict[str, Any] | None:
        """The app as Marathon holds it, every key kept, for editing and comparing."""
        if version:
            reply = self.part.get(path_of("v2/apps", app_id, "versions", version), max_age_s=2)
        else:
            reply = self.part.get(path_of("v2/apps", app_id))
        if reply.status == 404:
            return None
        self.part.read(reply, dict)
        answer = reply.json()
        return answer.get("app", answer) if isinstance(answer, dict) else None

    def versions(self, app_id: str) -> list[str]:
        """Newest first. Upstream gives storage order, so this sorts."""
        reply = self.part.get(path_of("v2/apps", app_id, "versions"), max_age_s=LIST_AGE_S)
        if reply.status == 404:
            return []
        return sorted(self.part.read(reply, shapes.Versions).versions, reverse=True)

    def deployments(self) -> list[shapes.Deployment]:
        """With what each waits for, where this Marathon can say so."""
        reply = self.part.get("/v3/deployments", max_age_s=LIST_AGE_S)
        if reply.is_success:
            if reply.body.lstrip()[:1] == b"{":
                return self.part.read(reply, shapes.Deployments).deployments
            return self.part.read(reply, list[shapes.Deployment])
        reply = self.part.get("/v2/deployments", max_age_s=LIST_AGE_S)
        return self.part.read(reply, list[shapes.Deployment])

    def queue(self) -> list[shapes.Queued]:
        reply = self.part.get("/v2/queue", max_age_s=LIST_AGE_S)
        return self.part.read(reply, shapes.Queue).queue

    def why(self, app_id: str) -> list[str]:
        reply = self.part.get(path_of("v3/apps", app_id, "why"), max_age_s=LIST_AGE_S)
        if not reply.is_success:
            return []
        return [reason.reason for reason in self.part.read(reply, shapes.Why).waiting]

    def create(self, app: Mapping[str, Any]) -> Reply:
        return self.part.send("POST", "/v2/apps", app)

    def replace(self, app_id: str, app: Mapping[str, Any], *, force: bool = False) -> Reply:
        """A full replacement, so that a field can also be unset."""
        query = {"partialUpdate": "false"} | _force(force)
        return self.part.send("PUT", path_of("v2/apps", app_id), app, query)

    def change(self, app_id: str, fields: Mapping[str, Any], *, force: bool = False) -> Reply:
        return self.part.send("PUT", path_of("v2/apps", app_id), fields, _force(force))

    def restart(self, app_id: str, *, force: bool = False) -> Reply:
        return self.part.send("POST", path_of("v2/apps", app_id, "restart"), query=_force(force))

    def delete(self, app_id: str, *, force: bool = False) -> Reply:
        query = {"force": "true" if force else "false"}
        return self.part.send("DELETE", path_of("v2/apps", app_id), query=query)

    def kill(self, task_ids: Sequence[str], *, scale: bool = False) -> Reply:
        query = {"scale": "true"} if scale else {}
        return self.part.send("POST", "/v2/tasks/delete", {"ids": list(task_ids)}, query)

    def stop_deployment(self, deployment_id: str, *, force: bool = False) -> Reply:
        return self.part.send(
            "DELETE", path_of("v2/deployments", deployment_id), query=_force(force)
        )

    def reset_delay(self, app_id: str) -> Reply:
        return self.part.send("DELETE", path_of("v2/queue", app_id, "delay"))


def _force(force: bool) -> dict[str, str]:
    return {"force": "true"} if force else {}
