"""What readers are shown of tasks, agents, offers and frameworks, as bytes kept until it changes.

Decides what must be encoded anew; what it looks like is `views`' and `operator_views`'. Records say
themselves that they have changed (`changed`), and `check` finds those that should have and did not.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from msgspec import Struct

from kernel.master import operator_views, views
from kernel.master.cluster import (
    Agent,
    Cluster,
    ExecutorRecord,
    Framework,
    OfferRecord,
    TaskRecord,
)
from kernel.messages.codec import encode
from kernel.model.ids import FrameworkId, OfferId

LOOKED_AT_ONCE = 256

T = TypeVar("T")

Executors = Sequence[tuple[Agent, ExecutorRecord]]


class Form(Struct, frozen=True):
    """One way of showing them: v0 or v1. `tasks` and `agents` give many at once, and fast."""

    tasks: Callable[[Iterable[TaskRecord]], list[bytes]]
    agents: Callable[[Cluster], list[bytes]]
    task: Callable[[TaskRecord], bytes]
    fresh_task: Callable[[TaskRecord], object]
    agent: Callable[[Cluster, Agent], bytes]
    fresh_agent: Callable[[Cluster, Agent], object]
    offer: Callable[[Cluster, OfferRecord], object]
    framework: Callable[[Cluster, Framework, Executors], object]


V0 = Form(
    lambda records: [record.shown or views.task_shown(record) for record in records],
    lambda cluster: [
        agent.shown or views.agent_shown(cluster, agent) for agent in cluster.agents.values()
    ],
    views.task_shown,
    views.task_view,
    views.agent_shown,
    views.agent_view,
    lambda cluster, offer: views.offer_view(offer),
    views.framework_view,
)
V1 = Form(
    lambda records: [record.shown_v1 or operator_views.task_shown(record) for record in records],
    lambda cluster: [
        agent.shown_v1 or operator_views.agent_shown(cluster, agent)
        for agent in cluster.agents.values()
    ],
    operator_views.task_shown,
    operator_views.task_view,
    operator_views.agent_shown,
    operator_views.agent_view,
    operator_views.offer_view,
    operator_views.framework_view,
)


class Encoded:
    """In one form. Invariant: what is kept is what would be made now."""

    def __init__(self, cluster: Cluster, form: Form) -> None:
        self._cluster = cluster
        self._form = form
        self._offers: dict[OfferId, tuple[tuple[object, ...], bytes]] = {}
        self._frameworks: dict[FrameworkId, tuple[tuple[object, ...], bytes]] = {}

    # --- piece by piece --------------------------------------------------------------------

    def prepare(self) -> Generator[None, None, None]:
        """Encode what changed, a little at a time; what changes meanwhile may be left."""
        cluster, form = self._cluster, self._form
        for records in list(self.groups()):
            for some in slices(list(records), 64):
                form.tasks(some)
                yield
        for agents in slices(list(cluster.agents.values()), 16):
            for agent in agents:
                if cluster.agents.get(agent.agent_id) is agent:
                    form.agent(cluster, agent)
            yield
        for offers in slices(list(cluster.offers.values()), 16):
            for offer in offers:
                if offer.offer_id in cluster.offers:
                    self._offer(offer)
            yield
        executors = views.executors_of(cluster)
        for framework in everyone(cluster):
            self.framework(framework, executors.get(framework.framework_id, ()))
            yield

    def groups(self) -> Iterator[Iterable[TaskRecord]]:
        for framework in everyone(self._cluster):
            yield framework.tasks.values()
            yield framework.unreachable.values()
            yield framework.completed

    # --- at one moment ---------------------------------------------------------------------

    def tasks(self, records: Iterable[TaskRecord]) -> list[bytes]:
        return self._form.tasks(records)

    def agents(self) -> list[bytes]:
        return self._form.agents(self._cluster)

    def offers(self, framework: Framework) -> list[bytes]:
        return [self._offer(self._cluster.offers[offer_id]) for offer_id in framework.offers]

    def framework(self, framework: Framework, executors: Executors) -> bytes:
        """An object without its tasks and offers."""
        stamp = (framework.changes, *executors)
        known = self._frameworks.get(framework.framework_id)
        if known is None or known[0] != stamp:
            shown = encode(self._form.framework(self._cluster, framework, executors))
            known = self._frameworks[framework.framework_id] = (stamp, shown)
        return known[1]

    def _offer(self, offer: OfferRecord) -> bytes:
        cluster = self._cluster
        info = cluster.frameworks[offer.framework_id].info  # what it can says how it is written
        changes = cluster.agents[offer.agent_id].changes, cluster.machines.version, info
        known = self._offers.get(offer.offer_id)
        if known is None or known[0] != changes:
            shown = encode(self._form.offer(cluster, offer))
            known = self._offers[offer.offer_id] = (changes, shown)
        return known[1]

    def forget(self) -> None:
        """What is of nobody any more."""
        cluster = self._cluster
        if len(self._offers) > 2 * len(cluster.offers) + 100:
            self._offers = {i: kept for i, kept in self._offers.items() if i in cluster.offers}
        there = len(cluster.frameworks) + len(cluster.completed)
        if len(self._frameworks) > 2 * there + 100:
            known = {framework.framework_id: None for framework in everyone(cluster)}
            self._frameworks = {i: kept for i, kept in self._frameworks.items() if i in known}

    def check(self) -> None:
        """Assert the invariant, and keep everything from now on."""
        cluster, form = self._cluster, self._form
        for record in chain.from_iterable(self.groups()):
            kept, fresh = form.task(record), encode(form.fresh_task(record))
            assert kept == fresh, f"task {record.key} did not say that it changed"
        for agent in cluster.agents.values():
            kept, fresh = form.agent(cluster, agent), encode(form.fresh_agent(cluster, agent))
            assert kept == fresh, f"agent {agent.agent_id} did not say that it changed"
        executors = views.executors_of(cluster)
        for framework in everyone(cluster):
            with_them = executors.get(framework.framework_id, ())
            kept = self.framework(framework, with_them)
            fresh = encode(form.framework(cluster, framework, with_them))
            assert kept == fresh, f"framework {framework.framework_id} did not say that it changed"
        for offer in cluster.offers.values():
            assert self._offer(offer) == encode(form.offer(cluster, offer)), (
                f"agent {offer.agent_id} did not say that it changed"
            )


def everyone(cluster: Cluster) -> tuple[Framework, ...]:
    """The frameworks that live, then those that ended."""
    return (*cluster.frameworks.values(), *cluster.completed.values())


def slices(items: Sequence[T], size: int = LOOKED_AT_ONCE) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
