"""What the stand-in answers to reads of the master, an agent, Chronos and the load balancer."""

from datetime import timedelta
from typing import Any

from tests.web.standin.world import MASTER, World, stamp


def slaves(world: World, agent_port: int) -> list[dict[str, Any]]:
    return [_slave(world, agent, agent_port) for agent in world.agents]


def _slave(world: World, agent: dict[str, Any], port: int) -> dict[str, Any]:
    tasks = [
        app for app in world.apps.values() for t in app["tasks"] if t["slaveId"] == agent["id"]
    ]
    whole = {k: agent[k] for k in ("cpus", "mem", "disk")}
    return {
        "id": agent["id"],
        "hostname": agent["hostname"],
        "port": port,
        "pid": f"slave(1)@127.0.0.1:{port}",
        "attributes": agent["attributes"],
        "registered_time": agent["registered"],
        "resources": {**whole, "gpus": 0.0, "ports": "[31000-32000]"},
        "used_resources": {
            "cpus": min(agent["cpus"], sum(app["cpus"] for app in tasks)),
            "mem": min(agent["mem"], sum(app["mem"] for app in tasks)),
            "disk": 0.0,
            "gpus": 0.0,
        },
        "active": True,
        "version": "1.11.0",
        **agent["says"],
    }


def master_state(world: World, agent_port: int) -> dict[str, Any]:
    tasks = [_task(app, task) for app in world.apps.values() for task in app["tasks"]]
    total = slaves(world, agent_port)
    used = {k: sum(s["used_resources"][k] for s in total) for k in ("cpus", "mem")}
    frameworks = [
        _framework("marathon", 0, tasks, used, world),
        _framework("chronos", 1, [], {"cpus": 0.0, "mem": 0.0}, world),
    ]
    return {
        "version": "1.11.0",
        "id": MASTER,
        "cluster": "example",
        "hostname": "localhost",
        "activated_slaves": float(len(total)),
        "slaves": total,
        "frameworks": frameworks,
        "completed_frameworks": [],
    }


def _framework(
    name: str, index: int, tasks: list[Any], used: dict[str, float], world: World
) -> dict[str, Any]:
    return {
        "id": f"{MASTER}-{index:04d}",
        "name": name,
        "user": "root",
        "active": True,
        "connected": True,
        "roles": [name],
        "webui_url": "http://127.0.0.1:8080" if name == "marathon" else "javascript:alert(1)",
        "registered_time": (world.now - timedelta(days=2)).timestamp(),
        "used_resources": used,
        "tasks": tasks,
        "completed_tasks": [],
    }


def _task(app: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": task["id"],
        "name": app["id"].strip("/").replace("/", "_"),
        "framework_id": f"{MASTER}-0000",
        "executor_id": "",
        "slave_id": task["slaveId"],
        "state": task["state"],
        "resources": {"cpus": app["cpus"], "mem": app["mem"]},
        "statuses": [{"state": task["state"], "timestamp": 1795195299.16}],
    }


def agent_state(world: World) -> dict[str, Any]:
    executors = [
        {"id": task["id"], "directory": f"/sandbox/{task['id']}", "tasks": [{"id": task["id"]}]}
        for app in world.apps.values()
        for task in app["tasks"]
    ]
    return {
        "id": "agent",
        "flags": {"isolation_notes": world.isolation_notes},
        "frameworks": [{"id": f"{MASTER}-0000", "executors": executors}],
    }


def jobs(world: World) -> list[dict[str, Any]]:
    return [_job(world, job) for job in world.jobs.values()]


def _job(world: World, job: dict[str, Any]) -> dict[str, Any]:
    runs = world.runs.get(job["name"], [])
    running = sum(run["state"] == "RUNNING" for run in runs)
    errors = [run["nominal"] for run in runs if run["state"] == "FAILED"]
    successes = [run["nominal"] for run in runs if run["state"] == "FINISHED"]
    nxt = stamp(world.now + timedelta(minutes=5 + len(job["name"])))
    return {
        **job,
        "nextRun": nxt if job.get("schedule") and not job["disabled"] else None,
        "lastRun": runs[-1] if runs else None,
        "state": f"{running} running" if running else "idle",
        "lastError": errors[-1] if errors else "",
        "lastSuccess": successes[-1] if successes else "",
        "recent": runs[-24:],
    }


def services(world: World) -> dict[str, Any]:
    found = []
    for app in world.apps.values():
        for port in app.get("portDefinitions") or []:
            servers = [
                {
                    "name": task["id"][-12:],
                    "host": "127.0.0.1",
                    "port": task["ports"][0] if task["ports"] else 0,
                    "state": "UP",
                    "sessions": 2,
                    "taskId": task["id"],
                }
                for task in app["tasks"]
            ]
            vhost = app.get("labels", {}).get("HAPROXY_0_VHOST", "")
            found.append(
                {
                    "appId": app["id"],
                    "servicePort": port["port"],
                    "mode": "http",
                    "vhosts": [vhost] if vhost else [],
                    "servers": servers,
                }
            )
    return {"services": found, "httpPort": 9080}
