"""Says under which address an agent is reached, as far as it is known.

Source: recordings of a real master (Offer.url).
"""

from kernel.master.cluster import Agent
from kernel.messages.v1 import Address, AgentInfo, Url

ANYWHERE = ("", "0.0.0.0")


def ip_of(info: AgentInfo, told: str | None) -> str:
    """What the agent says that it listens on; else what its name gives away."""
    if told is not None and told not in ANYWHERE:
        return told
    hostname = info.hostname
    if hostname.replace(".", "").isdigit():
        return hostname
    return "127.0.0.1" if hostname == "localhost" else ""


def url_of(agent: Agent) -> Url:
    """Where the agent's HTTP API is; its path is a word of Mesos that clients build upon."""
    address = Address(hostname=agent.info.hostname, ip=agent.ip or None, port=agent.info.port)
    return Url(scheme="http", address=address, path="/slave(1)")
