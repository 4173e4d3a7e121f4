"""Puts the answers of the large views together without holding up whoever decides.

Each read is a generator: it yields wherever another may run, every few hundred records, and returns
the answer. `/state`, GET_STATE and their parts are of one moment: what changed is encoded piece by
piece, and the last step takes everything at once. `/slaves`, `/state-summary`, `/tasks` and the
metrics go through the books in passing: each record as it is when it is looked at, no more than one
pass old. What one record looks like is `views`' and `operator_views`'. Source: Mesos,
src/master/readonly_handler.cpp.
"""

from collections.abc import Generator, Iterable, Mapping
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

from kernel.master import operator_views, views
from kernel.master.cluster import Agent, Cluster, Framework, TaskRecord
from kernel.master.counts import counts as counts_of
from kernel.master.encoded import V0, V1, Encoded, slices
from kernel.master.inverse_offers import wire_inverse_offer
from kernel.master.seen import Seen
from kernel.master.sight import Sight, sight_of
from kernel.master.standing import is_active
from kernel.messages.codec import encode
from kernel.messages.pieces import Pieces, array, obj, objects
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.task import TaskState

T = TypeVar("T")
Reading = Generator[None, None, T]

COUNTED_STATES = (
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_FINISHED",
    "TASK_KILLED",
    "TASK_FAILED",
    "TASK_LOST",
    "TASK_ERROR",
    "TASK_UNREACHABLE",
)

Counts = dict[str, int]


def whole(reading: Reading[T]) -> T:
    """All of it at once, for who may wait."""
    while True:
        try:
            next(reading)
        except StopIteration as done:
            result: T = done.value
            return result


class Reads:
    """Over the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, sight: Sight | None = None) -> None:
        self._cluster = cluster
        self.sight = sight
        self._seen = Seen(cluster, sight)
        self.v0 = Encoded(cluster, V0)
        self.v1 = Encoded(cluster, V1)

    def seen_by(self, principal: str | None) -> "Reads":
        """The same books, as who may not see all of them sees them. What is kept of tasks and
        agents serves all readers; frameworks, whose executors may be left out, are made anew."""
        sight = sight_of(self._cluster.settings.acls, principal)
        return self if sight is None else Reads(self._cluster, sight)

    def check(self) -> None:
        """Assert that nothing that is kept is out of date."""
        self.v0.check()
        self.v1.check()

    # --- of one moment ---------------------------------------------------------------------

    def state(self, head: Mapping[str, Any]) -> Reading[Pieces]:
        """`/state`; `head` is what the shell knows: version, times, flags."""
        yield from self.v0.prepare()
        cluster = self._cluster
        active = sum(1 for agent in cluster.agents.values() if is_active(cluster, agent))
        shown = {
            **head,
            "capabilities": views.MASTER_CAPABILITIES,
            "activated_slaves": float(active),
            "deactivated_slaves": float(len(cluster.agents) - active),
            "unreachable_slaves": float(len(cluster.unreachable)),
            "recovered_slaves": views.recovered_view(cluster),
            "orphan_tasks": [],
            "unregistered_frameworks": [],
        }
        agents = ("slaves", array(self.v0.agents()))
        return obj([agents, *self._frameworks()], encode(shown))

    def frameworks(self, framework_id: str | None = None) -> Reading[Pieces]:
        """`/frameworks`, of all or of one; an unknown id is an empty list."""
        yield from self.v0.prepare()
        return obj(self._frameworks(framework_id), b'{"unregistered_frameworks":[]}')

    def _frameworks(self, framework_id: str | None = None) -> list[tuple[str, Pieces]]:
        executors = self._seen.executors()

        def shown(framework: Framework) -> Pieces:
            of_it = executors.get(framework.framework_id, ())
            groups: dict[str, Iterable[TaskRecord]] = {
                "tasks": framework.tasks.values(),
                "unreachable_tasks": framework.unreachable.values(),
                "completed_tasks": framework.completed,
            }
            fields = [
                *(
                    (name, array(self.v0.tasks(self._seen.tasks(framework, records))))
                    for name, records in groups.items()
                ),
                ("offers", array(self.v0.offers(framework))),
            ]
            return obj(fields, self.v0.framework(framework, of_it))

        self.v0.forget()
        return [
            (
                name,
                objects(
                    [
                        shown(f)
                        for f in group
                        if framework_id in (None, f.framework_id) and self._seen.sees(f)
                    ]
                ),
            )
            for name, group in (
                ("frameworks", self._cluster.frameworks.values()),
                ("completed_frameworks", self._cluster.completed.values()),
            )
        ]

    def get_state(self) -> Reading[Pieces]:
        yield from self.v1.prepare()
        return self.state_now()

    def state_now(self) -> Pieces:
        """As GET_STATE, at once: for who has prepared it a moment ago."""
        fields = [
            ("get_tasks", self._get_tasks()),
            ("get_executors", Pieces([encode(self.get_executors())])),
            ("get_frameworks", self._get_frameworks()),
            ("get_agents", self._get_agents()),
        ]
        return obj(fields)

    def get_executors(self) -> Mapping[str, Any]:
        executors = self._seen.executors() if self.sight is not None else None
        return operator_views.get_executors(self._cluster, executors)

    def get_tasks(self) -> Reading[Pieces]:
        yield from self.v1.prepare()
        return self._get_tasks()

    def get_frameworks(self) -> Reading[Pieces]:
        yield from self.v1.prepare()
        return self._get_frameworks()

    def get_agents(self) -> Reading[Pieces]:
        yield from self.v1.prepare()
        return self._get_agents()

    def _get_tasks(self) -> Pieces:
        frameworks = self._seen.everyone()
        tasks, unreachable, completed = [], [], []
        for framework in frameworks:
            tasks += self.v1.tasks(self._seen.tasks(framework, framework.tasks.values()))
            unreachable += self.v1.tasks(
                self._seen.tasks(framework, framework.unreachable.values())
            )
            completed += self.v1.tasks(self._seen.tasks(framework, framework.completed))
        return obj(
            [
                ("tasks", array(tasks)),
                ("unreachable_tasks", array(unreachable)),
                ("completed_tasks", array(completed)),
            ]
        )

    def _get_frameworks(self) -> Pieces:
        executors = self._seen.executors()
        asked: dict[FrameworkId, list[bytes]] = {}
        for offer in self._cluster.inverse.outstanding.values():
            wire = encode(wire_inverse_offer(self._cluster, offer))
            asked.setdefault(offer.framework_id, []).append(wire)

        def shown(framework: Framework) -> Pieces:
            head = self.v1.framework(framework, executors.get(framework.framework_id, ()))
            lists = (
                ("offers", self.v1.offers(framework)),
                ("inverse_offers", asked.get(framework.framework_id, [])),
            )
            filled = [(name, array(items)) for name, items in lists if items]
            return obj(filled, head) if filled else Pieces([head])

        self.v1.forget()
        here, gone = self._cluster.frameworks.values(), self._cluster.completed.values()
        return obj(
            [
                ("frameworks", objects([shown(f) for f in here if self._seen.sees(f)])),
                (
                    "completed_frameworks",
                    objects([shown(f) for f in gone if self._seen.sees(f)]),
                ),
            ]
        )

    def _get_agents(self) -> Pieces:
        recovered = [record.info for record in self._cluster.recovered.values()]
        return obj([("agents", array(self.v1.agents())), ("recovered_agents", encode(recovered))])

    # --- in passing ------------------------------------------------------------------------

    def slaves(self, agent_id: str | None = None) -> Reading[Pieces]:
        """`/slaves`, of all or of one; an unknown id is an empty list."""
        cluster = self._cluster
        chosen = [a for a in cluster.agents.values() if agent_id in (None, a.agent_id)]
        shown: list[bytes] = []
        for agents in slices(chosen, 16):
            shown += [
                encode(views.agent_view_full(cluster, agent))
                for agent in agents
                if cluster.agents.get(agent.agent_id) is agent
            ]
            yield
        recovered = encode(views.recovered_view(cluster, agent_id))
        return obj([("slaves", array(shown)), ("recovered_slaves", recovered)])

    def state_summary(self, hostname: str) -> Reading[Pieces]:
        """`/state-summary`: counts of tasks by state, for each agent and framework."""
        by_agent: dict[AgentId, Counts] = {}
        users: dict[AgentId, dict[str, None]] = {}
        frameworks: list[bytes] = []
        executors = self._seen.executors()
        for framework in self._seen.everyone():
            counts: Counts = {}
            agents: dict[AgentId, None] = {}
            for records in slices(self._seen.tasks_of(framework)):
                for record in records:
                    agent_id, state = record.agent_id, record.state.value
                    counts[state] = counts.get(state, 0) + 1
                    agents[agent_id] = None
                    there = by_agent.setdefault(agent_id, {})
                    there[state] = there.get(state, 0) + 1
                    users.setdefault(agent_id, {})[framework.framework_id] = None
                yield
            if self._cluster.frameworks.get(framework.framework_id) is framework:
                of_it = executors.get(framework.framework_id, ())
                head = views.framework_head(self._cluster, framework, of_it)
                frameworks.append(encode({**head, **_counted(counts), "slave_ids": list(agents)}))
        slaves: list[bytes] = []
        for some in slices(list(self._cluster.agents.values()), 16):
            slaves += [
                _summary(self._cluster, agent, by_agent, users)
                for agent in some
                if self._cluster.agents.get(agent.agent_id) is agent
            ]
            yield
        head_shown = encode({"hostname": hostname})
        return obj([("slaves", array(slaves)), ("frameworks", array(frameworks))], head_shown)

    def tasks(
        self,
        *,
        limit: int = 100,
        offset: int = 0,
        ascending: bool = False,
        framework_id: str | None = None,
        task_id: str | None = None,
    ) -> Reading[Pieces]:
        """`/tasks`: one page, by the time of the first status."""
        runs: list[list[tuple[float, int, TaskRecord]]] = []
        number = 0
        for framework in self._seen.everyone():
            if framework_id not in (None, framework.framework_id):
                continue
            for records in slices(self._seen.tasks_of(framework)):
                run = []
                for record in records:
                    if task_id in (None, record.key[1]):
                        at = _first_timestamp(record)
                        run.append((at if ascending else -at, number, record))
                        number += 1
                runs.append(sorted(run))
                yield
        shown: list[bytes] = []
        for at, (_, _, record) in enumerate(islice(merge(*runs), offset + limit)):
            if at >= offset:
                shown.append(views.task_shown(record))
            if at % 256 == 255:
                yield
        return obj([("tasks", array(shown))])

    def metrics(self) -> Reading[dict[str, float]]:
        """`/metrics/snapshot`."""
        counts = dict.fromkeys(TaskState, 0)
        for framework in self._seen.everyone():
            for records in slices(self._seen.tasks_of(framework)):
                for record in records:
                    counts[record.state] += 1
                yield
        return {
            **views.metrics(self._cluster),
            **counts_of(self._cluster),
            **{f"master/tasks_{s.value[5:].lower()}": float(n) for s, n in counts.items()},
        }


def _summary(
    cluster: Cluster,
    agent: Agent,
    by_agent: Mapping[AgentId, Counts],
    users: Mapping[AgentId, Mapping[str, None]],
) -> bytes:
    counts = _counted(by_agent.get(agent.agent_id, {}))
    more = encode({**counts, "framework_ids": list(users.get(agent.agent_id, ()))})
    return views.agent_shown(cluster, agent)[:-1] + b"," + more[1:]


def _counted(counts: Mapping[str, int]) -> Counts:
    return {name: counts.get(name, 0) for name in COUNTED_STATES}


def _first_timestamp(record: TaskRecord) -> float:
    return (record.statuses[0].timestamp or 0.0) if record.statuses else 0.0
