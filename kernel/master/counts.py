"""What the master counts, under Mesos's names: messages, agents, operations, the allocator, quota.

Counters begin at 0 with the master, gauges are as the books are now; what nobody counts is not
there. Sums over tasks are `reads`'; times are the shell's to measure.
Source: recording v0-metrics-snapshot; mesos.md §1.1.
"""

from collections.abc import Mapping

from kernel.master.cluster import Cluster
from kernel.master.registry_drains import DrainState
from kernel.master.role_views import Used
from kernel.messages import agent as agent_messages
from kernel.messages.v1 import TaskStatus
from kernel.model.operation import OperationState
from kernel.model.resources import MILLI

Shown = dict[str, float]

#: Mesos's name of a message -> what of a scheduler's calls is counted as it.
_OF_CALLS = {
    "decline_offers": "decline",
    "framework_to_executor": "message",
    "kill_task": "kill",
    "operation_status_update_acknowledgement": "acknowledge_operation_status",
    "reconcile_operations": "reconcile_operations",
    "reconcile_tasks": "reconcile",
    "resource_request": "request",
    "revive_offers": "revive",
    "status_update_acknowledgement": "acknowledge",
    "suppress_offers": "suppress",
    "unregister_framework": "teardown",
}
#: What agents say -> Mesos's name of it.
OF_AGENTS: Mapping[type, str] = {
    agent_messages.Update: "messages_status_update",
    agent_messages.UpdateOperation: "messages_operation_status_update",
    agent_messages.ExecutorEnded: "messages_exited_executor",
    agent_messages.ExecutorMessage: "messages_executor_to_framework",
    agent_messages.UpdateOversubscribed: "messages_update_slave",
    agent_messages.Unregister: "messages_unregister_slave",
}
#: Counted under our words, shown under Mesos's, too.
_RENAMED = {
    "slave_registrations": "agent_registrations",
    "slave_reregistrations": "agent_reregistrations",
    "slave_unreachable_completed": "agents_unreachable",
    "slave_removals/reason_unhealthy": "agents_unreachable",
    "slave_removals/reason_unregistered": "messages_unregister_slave",
    "recovery_slave_removals": "recovered_agents_unreachable",
}
_COUNTED = ("valid_status_updates", "invalid_status_updates", "messages_register_framework")
_OPERATIONS = (
    "reserve", "unreserve", "create", "destroy", "grow_volume", "shrink_volume",
)  # fmt: skip


def counts(cluster: Cluster) -> Shown:
    """All but what is counted under its own name already."""
    counted = cluster.counters
    names = {f"messages_{name}": f"calls/{call}" for name, call in _OF_CALLS.items()}
    names |= {name: name for name in (*OF_AGENTS.values(), *_COUNTED)} | _RENAMED
    shown = {f"master/{name}": float(counted.get(ours, 0)) for name, ours in names.items()}
    return {**shown, **_agents(cluster), **_operations(cluster), **_allocator(cluster)}


def count_state(cluster: Cluster, status: TaskStatus) -> None:
    """A task has come to this by what somebody says, for a reason."""
    if status.source is not None and status.reason is not None:
        state, source = status.state.value.lower(), status.source.value.lower()
        cluster.count(f"{state}/{source}/{status.reason.lower()}")


def _agents(cluster: Cluster) -> Shown:
    drains = [each.drain for each in cluster.deactivations.values() if each.drain is not None]
    draining = sum(drain.state is DrainState.DRAINING for drain in drains)
    return {
        "master/slaves_deactivated": float(len(cluster.deactivations)),
        "master/slaves_draining": float(draining),
        "master/slaves_drained": float(len(drains) - draining),
    }


def _operations(cluster: Cluster) -> Shown:
    counted = cluster.counters
    shown: Shown = {}
    totals: dict[str, int] = {}
    for type_ in _OPERATIONS:
        for state in ("total", *(s.value[10:].lower() for s in OperationState if s.is_terminal)):
            count = counted.get(f"operations/{type_}/{state}", 0)
            shown[f"master/operations/{type_}/{state}"] = float(count)
            totals[state] = totals.get(state, 0) + count
    shown |= {f"master/operations/{state}": float(count) for state, count in totals.items()}
    under_way = [o for agent in cluster.agents.values() for o in agent.operations.values()]
    pending = sum(record.state is OperationState.PENDING for record in under_way)
    return {**shown, "master/operations/pending": float(pending)}


def _allocator(cluster: Cluster) -> Shown:
    allocator = cluster.allocator
    shown: Shown = {}
    free: dict[str, int] = {}
    for agent_id in allocator.books:
        for name, amount in allocator.books[agent_id].free.quantities().items():
            free[name] = free.get(name, 0) + amount
    for name, total in allocator.ranking.pool.totals.items():
        shown[f"allocator/mesos/resources/{name}/total"] = total / MILLI
        held = max(0, total - free.get(name, 0))
        shown[f"allocator/mesos/resources/{name}/offered_or_allocated"] = held / MILLI
    used = Used(cluster)
    for role in cluster.quotas:
        quota, head = allocator.quota.get(role), f"allocator/mesos/quota/roles/{role}/resources"
        consumed, all_of_it = used.by(role), allocator.consumption.by(role)
        for name in dict.fromkeys((*quota.guarantees, *quota.limits, *all_of_it)):
            for word, amounts in (("guarantee", quota.guarantees), ("limit", quota.limits)):
                if name in amounts:
                    shown[f"{head}/{name}/{word}"] = amounts[name] / MILLI
            shown[f"{head}/{name}/consumed"] = consumed.get(name, 0) / MILLI
            shown[f"{head}/{name}/offered_or_allocated"] = all_of_it.get(name, 0) / MILLI
    return shown
