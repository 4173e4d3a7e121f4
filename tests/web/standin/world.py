"""What the stand-in knows: apps with their instances, deployments, a queue, agents and jobs."""

import copy
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 20, 18, 0, 0, tzinfo=UTC)
MASTER = "5bc2d7a1-7d1e-4a55-9f0e-6d0b2c1e9a77"
SHOP = ["web", "cart", "search", "payments", "images", "mail-sender"]
TEAMS = ["shop", "data", "ops", "media"]


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class World:
    """Everything under one lock, because the server has a thread per connection."""

    def __init__(self, apps: int = 0, jobs: int | None = None, agents: int = 3) -> None:
        self.lock = threading.RLock()
        self.now = datetime.now(UTC).replace(microsecond=123_000)
        self.apps: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.queue: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.files: dict[str, bytes] = {}
        self.events: list[Any] = []
        self.windows: list[dict[str, Any]] = []
        self.down_machines: list[dict[str, Any]] = []
        self.isolation_notes = ""
        self.count = 0
        self.agents = [self._agent(index) for index in range(agents)]
        for index in range(apps):
            self._sample(index)
        for index in range(min(apps, 6) if jobs is None else jobs):
            self._sample_job(index)
        if 0 < apps < 100:
            self._sample_troubles()

    # ── samples ──────────────────────────────────────────────────────────

    def _agent(self, index: int) -> dict[str, Any]:
        return {
            "id": f"{MASTER}-S{index}",
            "hostname": f"node-{index + 1}.example.org",
            "attributes": {"rack": f"r{index % 2 + 1}", "zone": "a" if index < 2 else "b"},
            "cpus": 8.0,
            "mem": 16384.0,
            "disk": 102400.0,
            "says": {},  # what the master says of it besides
            "registered": (self.now - timedelta(days=2, hours=index)).timestamp(),
        }

    def _sample(self, index: int) -> None:
        if index < len(SHOP):
            app_id = f"/shop/{SHOP[index]}"
        else:
            app_id = f"/{TEAMS[index % 4]}/team-{index % 12}/service-{index:04d}"
        at = self.now - timedelta(hours=3 + index % 40, minutes=index % 60)
        app = {
            "id": app_id,
            "cmd": f"exec ./bin/{app_id.rpartition('/')[2]} --port $PORT0",
            "cpus": 0.25 if index % 3 else 0.5,
            "mem": 128 if index % 2 else 256,
            "disk": 0,
            "gpus": 0,
            "instances": (4, 2, 3, 2, 1, 1)[index % 6],
            "executor": "",
            "env": {"LOG_LEVEL": "info", "REGION": "eu-1"},
            "labels": {"team": TEAMS[index % 4], "HAPROXY_GROUP": "external"},
            "portDefinitions": [{"port": 10000 + index, "protocol": "tcp", "name": "http"}],
            "healthChecks": [
                {"protocol": "HTTP", "path": "/health", "portIndex": 0, "intervalSeconds": 5}
            ],
            "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0.5},
            "requirePorts": False,
            "version": stamp(at),
        }
        if index == 0:
            app["labels"]["HAPROXY_0_VHOST"] = "shop.example.org"
            older = {**copy.deepcopy(app), "version": stamp(at - timedelta(days=1))}
            older["env"] = {"LOG_LEVEL": "debug"}
            older["mem"] = 64
            self.versions[app_id] = [older]
        self.put_app(app, running=True)

    def _sample_troubles(self) -> None:
        ids = list(self.apps)
        if len(ids) >= 3:
            sick = self.apps[ids[2]]
            sick["tasks"][0]["healthCheckResults"][0] |= {
                "alive": False,
                "consecutiveFailures": 2,
                "lastFailureCause": "503 Service Unavailable",
            }
            sick["lastTaskFailure"] = {
                "appId": ids[2],
                "host": "node-2.example.org",
                "message": "Command exited with status 1: could not open /var/lib/index",
                "state": "TASK_FAILED",
                "taskId": ids[2].strip("/").replace("/", "_") + ".instance-9d1f._app.1",
                "timestamp": stamp(self.now - timedelta(minutes=7)),
                "version": sick["version"],
                "slaveId": self.agents[1]["id"],
            }
        big = copy.deepcopy(self.apps[ids[0]])
        big["tasks"] = []
        big["portDefinitions"] = [{"port": 10900, "protocol": "tcp", "name": "sql"}]
        big |= {"id": "/data/warehouse", "instances": 3, "mem": 15000, "cpus": 6}
        big["version"] = stamp(self.now - timedelta(minutes=2))
        big["labels"] = {"team": "data"}
        self.put_app(big, running=False)
        self.start(big, 1)
        self.queue[big["id"]] = self.waiting(2)
        if len(ids) >= 2:
            self.change(ids[1], {"instances": 5})

    def waiting(self, count: int, delay_s: int = 0) -> dict[str, Any]:
        return {
            "count": count,
            "since": stamp(self.now - timedelta(minutes=2)),
            "delay": {"timeLeftSeconds": delay_s, "overdue": delay_s == 0},
            "processedOffersSummary": {
                "processedOffersCount": 12,
                "unusedOffersCount": 9,
                "lastUnusedOfferAt": stamp(self.now),
                "rejectSummaryLastOffers": [
                    {"reason": "UnfulfilledRole", "declined": 0, "processed": 3},
                    {"reason": "UnfulfilledConstraint", "declined": 0, "processed": 3},
                    {"reason": "InsufficientCpus", "declined": 1, "processed": 3},
                    {"reason": "InsufficientMemory", "declined": 2, "processed": 2},
                    {"reason": "InsufficientPorts", "declined": 0, "processed": 0},
                ],
                "rejectSummaryLaunchAttempt": [],
            },
        }

    def _sample_job(self, index: int) -> None:
        names = ["nightly-report", "ping", "cleanup", "import-orders", "reindex", "backup"]
        name = names[index] if index < 6 else f"job-{index:04d}"
        job: dict[str, Any] = {
            "name": name,
            "command": f"echo {name} && date && ./run {name}",
            "description": ("Sends the sales of the day", "", "Removes old sessions")[index % 3],
            "schedule": ("0 2 * * *", "R/2026-11-01T00:00:00Z/PT5M", "*/10 * * * *")[index % 3],
            "scheduleTimeZone": ("Europe/Berlin", "", "UTC")[index % 3],
            "cpus": 0.1,
            "mem": 128,
            "disk": 0,
            "retries": 2,
            "disabled": index == 5,
            "successCount": 40 + index,
            "errorCount": index % 4,
        }
        if index == 4:
            job |= {"parents": ["import-orders"]}
            del job["schedule"], job["scheduleTimeZone"]
        self.jobs[name] = job
        for back in range(26, 0, -1):
            self.add_run(name, back * 600, 1 if (back + index) % 11 == 3 else 0)

    def add_run(self, name: str, seconds_ago: int, exit_status: int | None) -> dict[str, Any]:
        nominal = self.now - timedelta(seconds=seconds_ago)
        started = nominal + timedelta(milliseconds=42)
        done = exit_status is not None
        run = {
            "runId": f"{len(self.runs.get(name, []))}",
            "nominal": stamp(nominal),
            "started": stamp(started),
            "finished": stamp(started + timedelta(seconds=2.4)) if done else None,
            "exitStatus": exit_status,
            "state": "RUNNING" if not done else ("FINISHED" if exit_status == 0 else "FAILED"),
            "attempt": 0,
            "host": "node-1.example.org",
        }
        self.runs.setdefault(name, []).append(run)
        return run

    # ── what Marathon does ───────────────────────────────────────────────

    def put_app(self, app: dict[str, Any], *, running: bool) -> None:
        app.setdefault("tasks", [])
        self.apps[app["id"]] = app
        self.versions.setdefault(app["id"], []).append(self.definition(app))
        if running:
            self.start(app, app["instances"])

    def definition(self, app: dict[str, Any]) -> dict[str, Any]:
        return copy.deepcopy(
            {k: v for k, v in app.items() if k not in ("tasks", "lastTaskFailure")}
        )

    def start(self, app: dict[str, Any], instances: int, *, healthy: bool = True) -> None:
        for _ in range(instances):
            self.count += 1
            agent = self.agents[self.count % len(self.agents)] if self.agents else None
            head = app["id"].strip("/").replace("/", "_")
            task_id = f"{head}.instance-{self.count:08x}-5d2f-11ef-9d1e-0242ac110002._app.1"
            task: dict[str, Any] = {
                "id": task_id,
                "appId": app["id"],
                "host": agent["hostname"] if agent else "",
                "ports": [31000 + self.count % 1000] if app.get("portDefinitions") else [],
                "slaveId": agent["id"] if agent else "",
                "state": "TASK_RUNNING",
                "stagedAt": app["version"],
                "startedAt": app["version"],
                "version": app["version"],
            }
            if app.get("healthChecks") and healthy:
                task["healthCheckResults"] = [{"alive": True, "consecutiveFailures": 0}]
            app["tasks"].append(task)
            self.files.setdefault(f"/sandbox/{task_id}/stdout", b"ready to serve\n")
            self.files.setdefault(f"/sandbox/{task_id}/stderr", b"")

    def change(self, app_id: str, fields: dict[str, Any], *, whole: bool = False) -> str:
        """A new version and a deployment towards it."""
        old = self.apps[app_id]
        base = {"id": app_id, "tasks": old["tasks"]} if whole else old
        if set(fields) == {"version"}:
            found = [v for v in self.versions[app_id] if v["version"] == fields["version"]]
            fields = {k: v for k, v in found[0].items() if k != "version"}
        self.now += timedelta(milliseconds=1)
        app = {**base, **copy.deepcopy(fields), "id": app_id, "version": stamp(self.now)}
        app.setdefault("instances", 1)
        self.put_app(app, running=False)
        return self.deploy(
            [app_id], "ScaleApplication" if set(fields) == {"instances"} else "RestartApplication"
        )

    def deploy(self, app_ids: list[str], action: str) -> str:
        self.count += 1
        deployment_id = f"{self.count:08x}-d7c1-4b3e-8a55-6e1f7c0d9b21"
        actions = [{"action": action, "app": app_id} for app_id in app_ids]
        self.deployments[deployment_id] = {
            "id": deployment_id,
            "version": stamp(self.now),
            "affectedApps": app_ids,
            "affectedPods": [],
            "steps": [{"actions": actions}],
            "currentActions": actions,
            "currentStep": 1,
            "totalSteps": 1,
            "waitingFor": [
                f"{app_id} waits for {self.missing(app_id)} more to become healthy."
                for app_id in app_ids
                if self.missing(app_id) > 0
            ],
        }
        self.tell("deployment_info")
        return deployment_id

    def missing(self, app_id: str) -> int:
        app = self.apps.get(app_id)
        return app["instances"] - len(app["tasks"]) if app else 0

    def advance(self) -> None:
        """Every running deployment ends: what should run runs, and nothing else."""
        with self.lock:
            for deployment_id in list(self.deployments):
                deployment = self.deployments.pop(deployment_id)
                for action in deployment["steps"][0]["actions"]:
                    app = self.apps.get(action["app"])
                    if app is None:
                        continue
                    if action["action"] == "RestartApplication":
                        app["tasks"] = []
                    del app["tasks"][app["instances"] :]
                    self.start(app, app["instances"] - len(app["tasks"]))
            self.tell("deployment_success")

    def tell(self, event: str) -> None:
        for queue in self.events:
            queue.put(event)

    def answer(self, app: dict[str, Any]) -> dict[str, Any]:
        tasks = app["tasks"]
        results = [[r["alive"] for r in task.get("healthCheckResults", [])] for task in tasks]
        return {
            **app,
            "tasksStaged": sum(task["state"] == "TASK_STAGING" for task in tasks),
            "tasksRunning": sum(task["state"] == "TASK_RUNNING" for task in tasks),
            "tasksHealthy": sum(bool(alive) and all(alive) for alive in results),
            "tasksUnhealthy": sum(not all(alive) for alive in results),
            "deployments": [
                {"id": d["id"]} for d in self.deployments.values() if app["id"] in d["affectedApps"]
            ],
            "versionInfo": {
                "lastScalingAt": app["version"],
                "lastConfigChangeAt": app["version"],
            },
        }
