"""Says in sentences why instances are not running, and where the offers were lost on the way.

Marathon's own sentences (`/v3/apps/{id}/why`) come first; these are made from `/v2/queue`, so that
they also stand for a Marathon that has no `/v3`. Source: marathon.md §2.8, the offer funnel.
"""

from collections.abc import Sequence

from msgspec import Struct

from web.present.words import counted, duration, ms_of
from web.shapes.marathon import Queued, Reject

# In the order in which an offer passes them; each with what it asks of an offer.
FUNNEL = {
    "UnfulfilledRole": ("Role", "are for a role that the app may not use"),
    "UnfulfilledConstraint": ("Constraints", "are on agents that its constraints rule out"),
    "NoCorrespondingReservationFound": ("Reservation", "hold no reservation of the app"),
    "AgentMaintenance": ("Maintenance", "are on agents in maintenance"),
    "InsufficientCpus": ("CPUs", "have too few CPUs"),
    "InsufficientMemory": ("Memory", "have too little memory"),
    "InsufficientDisk": ("Disk", "have too little disk"),
    "InsufficientGpus": ("GPUs", "have too few GPUs"),
    "InsufficientPorts": ("Ports", "lack the ports it asks for"),
    "DeclinedScarceResources": ("Scarce resources", "hold GPUs kept for apps that need them"),
}


class FunnelRow(Struct, frozen=True):
    name: str
    processed: int
    declined: int
    passed_permille: int


class WhyWaiting(Struct, frozen=True):
    sentences: Sequence[str]
    funnel: Sequence[FunnelRow]
    delay_s: int
    count: int
    since_ms: int | None


def why_waiting(queued: Queued | None, told: Sequence[str]) -> WhyWaiting:
    if queued is None:
        return WhyWaiting(list(told), [], 0, 0, None)
    summary = queued.processed_offers_summary
    rejects = summary.reject_summary_last_offers or summary.reject_summary_launch_attempt
    delay_s = 0 if queued.delay.overdue else queued.delay.time_left_seconds
    sentences = list(told) or _sentences(queued, rejects, delay_s)
    return WhyWaiting(sentences, _funnel(rejects), delay_s, queued.count, ms_of(queued.since))


def _sentences(queued: Queued, rejects: Sequence[Reject], delay_s: int) -> list[str]:
    short = counted(queued.count, "instance")
    if delay_s:
        return [
            f"The last start failed. {short} will be tried again in {duration(delay_s)};"
            " each further failure makes the pause longer."
        ]
    lost = [reject for reject in rejects if reject.declined]
    sentences = [
        f"{reject.declined} of {counted(reject.processed, 'offer')} {_asks(reject.reason)}."
        for reject in sorted(lost, key=lambda reject: -reject.declined)
    ]
    if sentences:
        return sentences
    if queued.processed_offers_summary.processed_offers_count == 0:
        return [
            f"{short} wait for an offer, and none has come yet: either no agent is connected or"
            " all resources are in use."
        ]
    return [f"{short} wait for the next offer."]


def _asks(reason: str) -> str:
    return FUNNEL[reason][1] if reason in FUNNEL else f"were declined ({reason})"


def _funnel(rejects: Sequence[Reject]) -> list[FunnelRow]:
    by_reason = {reject.reason: reject for reject in rejects}
    # Below the stage that no offer passed there is nothing to tell.
    known = [
        by_reason[reason]
        for reason in FUNNEL
        if reason in by_reason and by_reason[reason].processed
    ]
    most = max((reject.processed for reject in known), default=0)
    if most == 0:
        return []
    return [
        FunnelRow(
            FUNNEL[reject.reason][0],
            reject.processed,
            reject.declined,
            1000 * (reject.processed - reject.declined) // most,
        )
        for reject in known
    ]
