"""The table of what operators may call for: each call and the part of the master that answers it.

Decides nothing but who is asked. A part registers itself, from `Master.__init__`:

    def register(self, operators: Operators) -> None:
        operators.handle(CallType.DRAIN_AGENT, self._on_drain)  # it changes something
        operators.show(CallType.GET_QUOTA, self._status, pages={"/quota": self._page})  # it shows

    def _on_drain(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        drain, by = asked.call.drain_agent, asked.principal  # the form has been checked
        return Outcome(400, "Unknown agent")  # or Outcome(200, effects=[Persist(…), …])

The answer leaves after the effects, so a 200 rests on what was persisted. A view returns what goes
under the call's name in lower case, a page the whole JSON of its v0 endpoint. The v0 endpoints that
change something come as the same calls (`kernel.messages.endpoints`). What nobody has registered
is answered 501. Source: Mesos, Master::Http::api in src/master/http.cpp.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from kernel.machine import Now
from kernel.master.events import CallAnswered, Effect, OperatorCallReceived
from kernel.messages.operator import Call, CallType

OK, FORBIDDEN, NOT_IMPLEMENTED = 200, 403, 501


class Outcome(Struct, frozen=True):
    """The HTTP status and, when it is a refusal, its sentence; `shown` is for a call that asks."""

    status: int = OK
    message: str = ""
    effects: Sequence[Effect] = ()
    shown: Mapping[str, Any] | None = None


Handler = Callable[[OperatorCallReceived, Now], Outcome]
View = Callable[[], Mapping[str, Any]]
Page = Callable[[], object]


class Operators:
    """One per master; filled once. Invariant: a call has one owner."""

    def __init__(self, permits: Callable[[Call, str | None], bool] = lambda *_: True) -> None:
        self.permits = permits
        self._handlers: dict[CallType, Handler] = {}
        self.views: dict[CallType, View] = {}
        self.pages: dict[str, Page] = {}

    def handle(self, type_: CallType, handler: Handler) -> None:
        """Calls of this type are carried out by `handler`."""
        assert type_ not in self._handlers and type_ not in self.views, f"{type_} has an owner"
        self._handlers[type_] = handler

    def show(self, type_: CallType, view: View, *, pages: Mapping[str, Page] | None = None) -> None:
        """Calls of this type are answered by `view`, and GETs of v0 `pages`, by path."""
        assert type_ not in self._handlers and type_ not in self.views, f"{type_} has an owner"
        self.views[type_] = view
        self.pages.update(pages or {})

    def on_call(self, asked: OperatorCallReceived, now: Now) -> list[Effect]:
        type_ = asked.call.type
        assert type_ is not None, "a call without a type is refused before"
        if not self.permits(asked.call, asked.principal):
            return [CallAnswered(asked.request_id, FORBIDDEN, "403 Forbidden.")]
        handler = self._handlers.get(type_)
        if handler is None:
            message = f"{type_} is not implemented yet: this master can't do it."
            return [CallAnswered(asked.request_id, NOT_IMPLEMENTED, message)]
        outcome = handler(asked, now)
        answer = CallAnswered(asked.request_id, outcome.status, outcome.message, outcome.shown)
        return [*outcome.effects, answer]
