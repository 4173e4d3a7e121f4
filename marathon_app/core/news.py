"""Words the events of /v2/events: types and keys as Marathon's clients expect them.

Source: Marathon, docs/event-bus.md. Extra keys on known events are safe for clients; where
upstream put an instance id into `taskId` (failed_health_check_event) the real task id is sent.
"""

from typing import Any

import msgspec

from kernel.model.task import TaskState
from marathon_app.core.instance import Instance
from marathon_app.core.outbox import Outbox
from marathon_app.core.plan import Steps
from marathon_app.schema.app import App
from marathon_app.schema.health import HealthCheck


class News:
    def __init__(self, outbox: Outbox) -> None:
        self._publish = outbox.publish

    # --- tasks -----------------------------------------------------------------------------------
    def status(self, instance: Instance, state: TaskState, message: str) -> None:
        self._publish(
            "status_update_event",
            slaveId=instance.agent_id,
            taskId=instance.task_id,
            taskStatus=state.value,
            message=message,
            appId=instance.app_id,
            host=instance.host,
            ipAddresses=[
                {"ipAddress": address, "protocol": "IPv4"} for address in instance.ip_addresses
            ],
            ports=list(instance.host_ports),
            version=instance.version,
        )

    def changed(self, instance: Instance, state: TaskState) -> None:
        self._publish(
            "instance_changed_event",
            instanceId=instance.instance_id,
            condition=state.value.removeprefix("TASK_").title().replace("_", ""),
            runSpecId=instance.app_id,
            agentId=instance.agent_id,
            host=instance.host,
            runSpecVersion=instance.version,
        )

    def draining(self, instance: Instance) -> None:
        self.status(instance, TaskState.KILLING, f"to be killed: {instance.doomed}")

    def stranger_ended(self, task_id: str, state: TaskState) -> None:
        self._publish(
            "unknown_instance_terminated_event",
            instanceId=task_id.partition("._app.")[0],
            runSpecId=app_id_of(task_id),
            condition=state.value.removeprefix("TASK_").title().replace("_", ""),
        )

    # --- health ----------------------------------------------------------------------------------
    def health_changed(self, instance: Instance, is_alive: bool) -> None:
        self._publish(
            "health_status_changed_event",
            appId=instance.app_id,
            taskId=instance.task_id,
            instanceId=instance.instance_id,
            version=instance.version,
            alive=is_alive,
        )
        self._publish(
            "instance_health_changed_event",
            instanceId=instance.instance_id,
            runSpecId=instance.app_id,
            healthy=is_alive,
            runSpecVersion=instance.version,
        )

    def check_failed(self, instance: Instance, check: HealthCheck) -> None:
        self._publish(
            "failed_health_check_event",
            appId=instance.app_id,
            taskId=instance.task_id,
            instanceId=instance.instance_id,
            healthCheck=msgspec.to_builtins(check),
        )

    def unhealthy_kill(self, instance: Instance, cause: str) -> None:
        self._publish(
            "unhealthy_instance_kill_event",
            appId=instance.app_id,
            taskId=instance.task_id,
            instanceId=instance.instance_id,
            version=instance.version,
            reason=cause,
            host=instance.host,
            slaveId=instance.agent_id,
        )

    # --- the root and its deployments ------------------------------------------------------------
    def root_changed(self, group_id: str, version: str) -> None:
        self._publish("group_change_success", groupId=group_id, version=version)

    def root_unchanged(self, group_id: str, version: str, reason: str) -> None:
        self._publish("group_change_failed", groupId=group_id, version=version, reason=reason)

    def app_terminated(self, app_id: str) -> None:
        self._publish("app_terminated_event", appId=app_id)

    def checks_changed(self, old: App | None, new: App | None) -> None:
        """Marathon tells of health checks as apps come and go."""
        if old is not None and old.health_checks and (new is None or not new.health_checks):
            self._publish("remove_health_check_event", appId=old.id)
        if new is not None and (old is None or old.health_checks != new.health_checks):
            for check in new.health_checks:
                self._publish(
                    "add_health_check_event",
                    appId=new.id,
                    version=new.version,
                    healthCheck=msgspec.to_builtins(check),
                )

    def deployment(self, event_type: str, plan: dict[str, Any], step: int) -> None:
        """deployment_info, deployment_step_success, deployment_step_failure."""
        stub = {"id": "/"}
        self._publish(
            event_type,
            plan={**plan, "original": stub, "target": stub},
            currentStep=current_step(plan, step),
        )

    def deployment_over(self, event_type: str, plan: dict[str, Any], reason: str = "") -> None:
        extra = {"reason": reason} if reason else {}
        self._publish(event_type, id=plan["id"], plan=plan, **extra)


def plan_json(deployment_id: str, version: str, steps: Steps) -> dict[str, Any]:
    return {
        "id": deployment_id,
        "version": version,
        "steps": [
            {"actions": [{"action": act.kind.value, "app": act.app_id} for act in step]}
            for step in steps
        ],
    }


def current_step(plan: dict[str, Any], step: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = plan["steps"]
    return steps[step] if 0 <= step < len(steps) else {"actions": []}


def app_id_of(task_id: str) -> str:
    return "/" + task_id.partition(".instance-")[0].replace("_", "/")
