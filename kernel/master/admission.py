"""What the master's flags leave out: frameworks of other roles or of root, agents of other hosts.

An agent that is left out stays registered, and its tasks go on; it is offered to nobody, and what
is on offer already may still be used. Who may do what by name is the ACLs'. Source: Mesos,
Master::validateFramework, docs/configuration/master.md (roles, root_submissions);
mesos.md §1.1 (lists of agents and of roles).
"""

from collections.abc import Sequence

from kernel.master.cluster import Cluster, Settings
from kernel.master.events import Effect
from kernel.master.standing import is_offered, refresh
from kernel.master.validate import roles_of
from kernel.messages.v1 import FrameworkInfo


def framework_refusal(settings: Settings, info: FrameworkInfo) -> str | None:
    """Why the flags leave this framework out, in Mesos's words, or None."""
    if settings.roles is not None:
        foreign = [r for r in roles_of(info) if r != "*" and r not in settings.roles]
        if foreign:
            return f"Roles {{ {', '.join(foreign)} }} are not present in the master's --roles"
    if info.user == "root" and not settings.takes_root:
        return "User 'root' is not allowed to run frameworks without --root_submissions set"
    return None


def list_hosts(cluster: Cluster, hosts: Sequence[str] | None) -> list[Effect]:
    """From now on agents of these hosts alone are offered; None is all."""
    before = {agent_id: is_offered(cluster, agent) for agent_id, agent in cluster.agents.items()}
    cluster.offered_hosts = frozenset(hosts) if hosts is not None else None
    for agent_id, agent in cluster.agents.items():
        if is_offered(cluster, agent) != before[agent_id]:
            refresh(cluster, agent)
    return []
