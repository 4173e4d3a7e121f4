"""Says how an agent stands: whether it is active, may be offered, and when it is to be away.

What brings an agent there is decided by `drain`, `maintenance` and `agents`.
"""

from kernel.master.cluster import Agent, Cluster
from kernel.master.registry_drains import Drain
from kernel.messages.domains import region_of
from kernel.messages.v1 import AgentInfo, Unavailability


def is_active(cluster: Cluster, agent: Agent) -> bool:
    """Whether it is in service."""
    return agent.is_connected and agent.agent_id not in cluster.deactivations


def is_listed(cluster: Cluster, agent: Agent) -> bool:
    """Whether its host is one that the operator lets be offered."""
    return cluster.offered_hosts is None or agent.info.hostname in cluster.offered_hosts


def is_offered(cluster: Cluster, agent: Agent) -> bool:
    """Whether anything of it may be offered."""
    return is_active(cluster, agent) and is_listed(cluster, agent)


def drain_of(cluster: Cluster, agent: Agent) -> Drain | None:
    """How far it is drained, if it is."""
    deactivation = cluster.deactivations.get(agent.agent_id)
    return deactivation.drain if deactivation is not None else None


def refresh(cluster: Cluster, agent: Agent) -> None:
    """How it stands has changed: tell the allocator whether it may give of this agent."""
    agent.changed()
    cluster.allocator.set_agent_active(agent.agent_id, is_offered(cluster, agent))


def is_remote(cluster: Cluster, info: AgentInfo) -> bool:
    """Whether it is of another region than the master; who has none is near to everybody."""
    ours, its = region_of(cluster.settings.master_info.domain), region_of(info.domain)
    return ours is not None and its is not None and ours != its


def unavailability(cluster: Cluster, agent: Agent) -> Unavailability | None:
    """When its machine is to be away."""
    return cluster.machines.unavailability(agent.info.hostname, agent.ip)
