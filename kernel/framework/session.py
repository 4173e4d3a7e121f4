"""Keeps who a framework is to the master: its id, and whether it is subscribed.

An id that the master gave must be durable before anything is sent under it; when, is the caller's.
While there is no subscription nothing is sent: reconciliation makes up for it.
Source: Mesos, docs/scheduler-http-api.md (SUBSCRIBE), docs/high-availability-framework-guide.md.
"""

from collections.abc import Sequence

from msgspec import structs

from kernel.messages.scheduler import Call, CallType, Subscribe
from kernel.messages.v1 import Capability, FrameworkInfo, Id

#: Several roles, or one named in `roles`; no LOST for what is out of sight; TASK_KILLING.
CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")
FAILOVER_TIMEOUT_S = 604_800  # a week: what Mesos's guide for frameworks recommends
_LAST_WORDS = ("removed", "completed", "torn down")  # of a master about an id that is used up


def framework_info(
    name: str,
    *,
    user: str,
    roles: Sequence[str] = ("*",),
    failover_timeout_s: float = FAILOVER_TIMEOUT_S,
    capabilities: Sequence[str] = CAPABILITIES,
    hostname: str | None = None,
    principal: str | None = None,
    webui_url: str | None = None,
) -> FrameworkInfo:
    """What a framework says of itself. `user` is whom its tasks run as; for `failover_timeout_s`
    they outlive its absence; it is checkpointed, so that they outlive their agent's, too."""
    return FrameworkInfo(
        user=user,
        name=name,
        failover_timeout=float(failover_timeout_s),
        checkpoint=True,
        roles=list(roles),
        hostname=hostname,
        principal=principal,
        webui_url=webui_url,
        capabilities=[Capability(type=each) for each in capabilities],
    )


def is_used_up(message: str) -> bool:
    """Whether an ERROR says that our id is of no more use, rather than that we are."""
    return any(words in message.lower() for words in _LAST_WORDS)


class Session:
    """`framework_id` is None until the master gave one, and again when it is used up."""

    def __init__(self, info: FrameworkInfo) -> None:
        self._info = info
        self.framework_id: str | None = info.id.value if info.id else None
        self.is_connected = False

    @property
    def roles(self) -> list[str]:
        return list(self._info.roles)

    def subscribe_call(self, suppressed_roles: Sequence[str] = ()) -> Call:
        """What opens the stream, each time anew: under our id once there is one."""
        known = Id(self.framework_id) if self.framework_id else None
        subscribe = Subscribe(
            framework_info=structs.replace(self._info, id=known),
            suppressed_roles=list(suppressed_roles),
        )
        return Call(type=CallType.SUBSCRIBE, framework_id=known, subscribe=subscribe)

    def subscribed(self, framework_id: str) -> bool:
        """SUBSCRIBED has come; whether the id is news, to be made durable now."""
        self.is_connected = True
        is_news = framework_id != self.framework_id
        self.framework_id = framework_id
        return is_news

    def disconnected(self) -> None:
        """The stream ended."""
        self.is_connected = False

    def refused(self, message: str) -> bool:
        """ERROR has come, and the stream ends; whether the id is used up (torn down, or away for
        longer than the failover timeout), so that the next subscription begins a new framework."""
        self.is_connected = False
        if not is_used_up(message):
            return False
        self.framework_id = None
        return True

    def addressed(self, call: Call) -> Call | None:
        """The call under our id, or None while nothing can be sent."""
        if not self.is_connected or self.framework_id is None:
            return None
        return structs.replace(call, framework_id=Id(self.framework_id))
