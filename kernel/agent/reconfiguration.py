"""Whether an agent may come back with other resources, attributes or another domain.

Decides by `--reconfiguration-policy` and says in one sentence what changed; what an agent has after
a change, with its reservations and volumes, is `operations`' to say, what the master makes of it is
the master's. Nothing is ever wiped for a change. Source: Mesos, docs/agent-recovery.md,
src/slave/compatibility.cpp; mesos.md §1.2, §5 row 7.
"""

from collections.abc import Iterator
from enum import StrEnum

from kernel.agent.recovery import Records
from kernel.agent.registration import COLLECTION, KEY, Standing
from kernel.machine import Operation, Put
from kernel.messages.codec import decode, encode
from kernel.messages.domains import domain_text
from kernel.messages.quantities import attribute_texts, from_wire
from kernel.messages.v1 import AgentInfo, RangesValue
from kernel.model.resources import Key, Resources, ranges_minus

CONFIGURED = "configured"


class Policy(StrEnum):
    """How much may change. DIFFERS: Mesos has no ANY, which is our default."""

    EQUAL = "equal"
    ADDITIVE = "additive"
    ANY = "any"


def configured(records: Records) -> AgentInfo | None:
    """What the last life under this agent's id offered; None for an agent that has no id yet."""
    ours = records.get(COLLECTION, {})
    standing = decode(Standing, ours[KEY]) if KEY in ours else Standing()
    if standing.agent_id is None or CONFIGURED not in ours:
        return None
    return decode(AgentInfo, ours[CONFIGURED])


def keep(info: AgentInfo, records: Records) -> list[Operation]:
    """Note what is offered from now on."""
    bare = AgentInfo(
        hostname=info.hostname,
        port=info.port,
        resources=info.resources,
        attributes=info.attributes,
        domain=info.domain,
    )
    value = encode(bare)
    if records.get(COLLECTION, {}).get(CONFIGURED) == value:
        return []
    return [Put(COLLECTION, CONFIGURED, value)]


def problem(policy: Policy, before: AgentInfo | None, after: AgentInfo) -> str | None:
    """Why the agent must not start like this, with what to do about it, or None."""
    if before is None or policy is Policy.ANY:
        return None
    wrong = list(_changes(before, after, may_grow=policy is Policy.ADDITIVE))
    if not wrong:
        return None
    allowed = "nothing may change" if policy is Policy.EQUAL else "things may only be added"
    return (
        f"{'; '.join(wrong)}. With --reconfiguration-policy {policy.value} {allowed}: start it with"
        " its former flags, or with --reconfiguration-policy any, which keeps every task and volume"
    )


def _changes(before: AgentInfo, after: AgentInfo, *, may_grow: bool) -> Iterator[str]:
    yield from _resource_changes(from_wire(before.resources), from_wire(after.resources), may_grow)
    old, new = attribute_texts(before.attributes), attribute_texts(after.attributes)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) == new.get(name) or (may_grow and name not in old):
            continue
        if may_grow and _ranges_grew(before, after, name):
            continue
        yield f"the attribute {name} was {old.get(name, 'not set')}" + (
            f" and is {new[name]}" if name in new else " and is not set"
        )
    if before.domain != after.domain and not (may_grow and before.domain is None):
        yield f"the domain was {domain_text(before.domain)} and is {domain_text(after.domain)}"


def _resource_changes(old: Resources, new: Resources, may_grow: bool) -> Iterator[str]:
    for key in dict.fromkeys((*old.scalars, *new.scalars)):
        was, is_ = old.scalars.get(key, 0), new.scalars.get(key, 0)
        if was != is_ and not (may_grow and is_ > was):
            yield f"{_named(key)} was {was / 1000:g} and is {is_ / 1000:g}"
    for key in dict.fromkeys((*old.ranges, *new.ranges)):
        spans, others = old.ranges.get(key, ()), new.ranges.get(key, ())
        if spans != others and not (may_grow and not ranges_minus(spans, others)):
            yield f"{_named(key)} was {_spans(spans)} and is {_spans(others)}"
    for key in dict.fromkeys((*old.sets, *new.sets)):
        items, more = old.sets.get(key, ()), new.sets.get(key, ())
        if items != more and not (may_grow and all(item in more for item in items)):
            yield f"{_named(key)} was {{{','.join(items)}}} and is {{{','.join(more)}}}"


def _ranges_grew(before: AgentInfo, after: AgentInfo, name: str) -> bool:
    old, new = _ranges_of(before, name), _ranges_of(after, name)
    if old is None or new is None:
        return False
    spans = [(span.begin, span.end) for span in old.range]
    return not ranges_minus(tuple(spans), tuple((span.begin, span.end) for span in new.range))


def _ranges_of(info: AgentInfo, name: str) -> RangesValue | None:
    return next((each.ranges for each in info.attributes if each.name == name), None)


def _named(key: Key) -> str:
    kind, name = key
    words = [name]
    words += [f"of role {kind.role}"] if kind.role else []
    if kind.disk is not None and kind.disk.source is not None:
        words.append(f"on {kind.disk.source.root or kind.disk.source.type}")
    return " ".join(words)


def _spans(spans: tuple[tuple[int, int], ...]) -> str:
    return f"[{','.join(f'{begin}-{end}' for begin, end in spans)}]"
