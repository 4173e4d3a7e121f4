"""A framework's connection to the master: Mesos's v1 scheduler API and nothing else.

Keeps the subscription, follows the leader, and hands events on. The same code talks to a real
Mesos master. Leaves what to answer to the framework's machine.
"""

import logging
from collections.abc import Callable, Sequence

from kernel.messages import codec
from kernel.messages.scheduler import Call, Event, EventType
from kernel.runtime.client import Conversation, HttpClient
from kernel.runtime.leader_finder import at_leader

log = logging.getLogger(__name__)

PATH = "/api/v1/scheduler"
HEARTBEATS_MISSED_MAX = 5
HEARTBEAT_INTERVAL_S = 15  # Mesos: DEFAULT_HEARTBEAT_INTERVAL


class SchedulerClient:
    """`subscribe` makes the SUBSCRIBE call anew each time, with the framework's id once known.

    `on_connected` comes when the stream is open, then `on_event` for each event (SUBSCRIBED
    first; heartbeats are kept back), `on_disconnected` when it ends. `on_turned_away` is told the
    status and the words of a SUBSCRIBE that was refused for what it says or who says it.
    """

    def __init__(
        self,
        client: HttpClient,
        masters: Sequence[str],
        *,
        subscribe: Callable[[], Call],
        on_event: Callable[[Event], None],
        on_connected: Callable[[], None] = lambda: None,
        on_disconnected: Callable[[], None] = lambda: None,
        on_turned_away: Callable[[int, str], None] = lambda status, text: None,
        authorization: str = "",
    ) -> None:
        self._on_event = on_event
        self._on_disconnected = on_disconnected
        self._conversation: Conversation[bytes] = Conversation(
            client,
            [at_leader(master, PATH) for master in masters],
            subscribe=lambda: codec.encode(subscribe()),
            on_subscribed=on_connected,
            on_record=self._on_record,
            on_disconnected=self._on_stream_end,
            on_turned_away=on_turned_away,
            silence_timeout_s=HEARTBEATS_MISSED_MAX * HEARTBEAT_INTERVAL_S,
            authorization=authorization,
        )

    @property
    def connected(self) -> bool:
        return self._conversation.connected

    async def run(self) -> None:
        """Until cancelled."""
        await self._conversation.run()

    def send(self, call: Call) -> None:
        """In order, at most once; dropped while disconnected (the framework reconciles)."""
        self._conversation.send(codec.encode(call))

    async def sent(self) -> None:
        """Wait until everything said so far has arrived, or is lost with the stream."""
        await self._conversation.sent()

    def hang_up(self) -> None:
        """Drop the stream and subscribe anew."""
        self._conversation.hang_up()

    def _on_record(self, record: bytes) -> None:
        try:
            event = codec.decode(Event, record)
        except codec.Malformed as error:
            # Of a newer master, most likely: what we cannot read must not end what we can.
            log.warning("an event is passed over (%s): %r", error, record[:200])
            return
        if event.type is not EventType.HEARTBEAT:
            self._on_event(event)

    def _on_stream_end(self, reason: str) -> None:
        log.info("the master's stream ended: %s", reason)
        self._on_disconnected()
