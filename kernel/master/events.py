"""What can happen to the master and what it can ask for: its events and its effects.

A stream is named by the id that the shell gave it; what a stream is, the master does not know.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kernel.machine import Answer, DeadlineReached, Persist
from kernel.messages import agent, operator, scheduler


class FrameworkSubscribed(Struct, frozen=True, tag=True):
    """A scheduler opened a stream with a well-formed SUBSCRIBE."""

    stream_id: str
    subscribe: scheduler.Subscribe
    principal: str | None = None  # who it has shown to be


class SchedulerCallReceived(Struct, frozen=True, tag=True):
    """Any other well-formed scheduler call, with the Mesos-Stream-Id it named."""

    request_id: int
    stream_id: str | None
    call: scheduler.Call
    principal: str | None = None


class SchedulerStreamClosed(Struct, frozen=True, tag=True):
    stream_id: str


class AgentSubscribed(Struct, frozen=True, tag=True):
    """An agent opened a stream, to register or to come back."""

    stream_id: str
    subscribe: agent.Subscribe


class AgentBatchReceived(Struct, frozen=True, tag=True):
    request_id: int
    stream_id: str | None
    batch: agent.Batch


class AgentStreamClosed(Struct, frozen=True, tag=True):
    stream_id: str


class OperatorCallReceived(Struct, frozen=True, tag=True):
    """An operator asks for something; `principal` is who it is, where that is known."""

    request_id: int
    call: operator.Call
    principal: str | None = None


class OperatorSubscribed(Struct, frozen=True, tag=True):
    """An operator opened a stream, to watch. It has been told the state as it is right now."""

    stream_id: str
    principal: str | None = None


class OperatorStreamClosed(Struct, frozen=True, tag=True):
    stream_id: str


class HostsListed(Struct, frozen=True, tag=True):
    """The operator's file now names these hosts: agents of others are offered to nobody."""

    hosts: tuple[str, ...]


Event = (
    FrameworkSubscribed
    | SchedulerCallReceived
    | SchedulerStreamClosed
    | AgentSubscribed
    | AgentBatchReceived
    | AgentStreamClosed
    | OperatorCallReceived
    | OperatorSubscribed
    | OperatorStreamClosed
    | HostsListed
    | DeadlineReached
)


class SendToScheduler(Struct, frozen=True, tag=True):
    stream_id: str
    event: scheduler.Event


class CloseSchedulerStream(Struct, frozen=True, tag=True):
    stream_id: str


class SendToAgent(Struct, frozen=True, tag=True):
    stream_id: str
    event: agent.AnyMasterEvent


class CloseAgentStream(Struct, frozen=True, tag=True):
    stream_id: str


class SendToOperators(Struct, frozen=True, tag=True):
    """The same to several."""

    stream_ids: tuple[str, ...]
    event: operator.Event


class CloseOperatorStream(Struct, frozen=True, tag=True):
    stream_id: str


class EndMaster(Struct, frozen=True, tag=True):
    """The master can't go on; `reason` is for people."""

    reason: str


class CallAnswered(Answer, frozen=True, tag=True):
    """The answer to a call as an HTTP status; the text says why, when it is a refusal. `shown` is
    the content of an operator's call that asks for something."""

    status: int
    message: str = ""
    shown: Mapping[str, Any] | None = None


Effect = (
    SendToScheduler
    | CloseSchedulerStream
    | SendToAgent
    | CloseAgentStream
    | SendToOperators
    | CloseOperatorStream
    | EndMaster
    | CallAnswered
    | Persist
)
