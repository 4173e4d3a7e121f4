"""What can happen to the master and what it can ask for: its events and its effects.

A stream is named by the id that the shell gave it; what a stream is, the master does not know.
"""

from msgspec import Struct

from kernel.machine import Answer, DeadlineReached, Persist
from kernel.messages import agent, operator, scheduler
from kernel.model.ids import FrameworkId


class FrameworkSubscribed(Struct, frozen=True, tag=True):
    """A scheduler opened a stream with a well-formed SUBSCRIBE."""

    stream_id: str
    subscribe: scheduler.Subscribe


class SchedulerCallReceived(Struct, frozen=True, tag=True):
    """Any other well-formed scheduler call, with the Mesos-Stream-Id it named."""

    request_id: int
    stream_id: str | None
    call: scheduler.Call


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


class TeardownRequested(Struct, frozen=True, tag=True):
    """An operator ends a framework."""

    request_id: int
    framework_id: FrameworkId


class OperatorSubscribed(Struct, frozen=True, tag=True):
    """An operator opened a stream, to watch."""

    stream_id: str


class OperatorStreamClosed(Struct, frozen=True, tag=True):
    stream_id: str


Event = (
    FrameworkSubscribed
    | SchedulerCallReceived
    | SchedulerStreamClosed
    | AgentSubscribed
    | AgentBatchReceived
    | AgentStreamClosed
    | TeardownRequested
    | OperatorSubscribed
    | OperatorStreamClosed
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


class CallAnswered(Answer, frozen=True, tag=True):
    """The answer to a call as an HTTP status; the text says why, when it is a refusal."""

    status: int
    message: str = ""


Effect = (
    SendToScheduler
    | CloseSchedulerStream
    | SendToAgent
    | CloseAgentStream
    | SendToOperators
    | CloseOperatorStream
    | CallAnswered
    | Persist
)
