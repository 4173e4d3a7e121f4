"""Says in sentences why an app, or a deployment, is not yet where it should be.

Only reads. Each sentence names who waits, for what, and with which numbers, so that nobody has to
look into a log. Ours: upstream has users ask (#1090, #3959).
"""

from collections.abc import Iterator

from kernel.framework.matching import amount
from kernel.machine import Now
from kernel.model.task import TaskState
from marathon_app.core.deployment import Deployment, Mode
from marathon_app.core.instance import Instance
from marathon_app.core.launch_queue import Entry, UnusedOffer
from marathon_app.core.replace import capacity
from marathon_app.core.root import Spec
from marathon_app.core.supervisor import Supervisor

AGENTS_SHOWN_MAX = 3


def of_app(machine: Supervisor, app_id: str, now: Now) -> list[str]:
    """Nothing to say: the app is as it should be."""
    return list(_of_app(machine, app_id, now))


def of_deployment(machine: Supervisor, deployment: Deployment, now: Now) -> list[str]:
    said: dict[str, None] = {}
    for app_id in machine.deployments.open_actions(deployment.id):
        for sentence in _of_app(machine, app_id, now):
            said[sentence if app_id in sentence else f"{app_id}: {sentence}"] = None
    return list(said)


def _of_app(machine: Supervisor, app_id: str, now: Now) -> Iterator[str]:
    deployment = machine.deployments.of_app(app_id)
    if deployment is not None:
        yield from _of_earlier_steps(machine, deployment, app_id)
    entry = machine.queue.entries.get(app_id)
    if entry is not None:
        yield from _of_launches(machine, entry, now)
    yield from _of_starts(machine, app_id)
    yield from _of_kills(machine, app_id)
    target = machine.deployments.target(app_id)
    if target.mode is Mode.REPLACE and target.spec is not None:
        yield from _of_bounds(machine, app_id, target.spec)


def _of_earlier_steps(machine: Supervisor, deployment: Deployment, app_id: str) -> Iterator[str]:
    open_actions = machine.deployments.open_actions(deployment.id)
    later = [action.app_id for step in deployment.steps[deployment.step + 1 :] for action in step]
    if app_id in later and app_id not in open_actions:
        named = ", ".join(open_actions)
        yield (
            f"{app_id} waits for step {deployment.step + 1} of {len(deployment.steps)} of its "
            f"deployment: first {named} must be done"
        )


# --- launches ------------------------------------------------------------------------------------
def _of_launches(machine: Supervisor, entry: Entry, now: Now) -> Iterator[str]:
    app_id = entry.spec.app.id
    count = _count(entry.count, "instance")
    left_ms = machine.queue.delay_left_ms(app_id, now)
    if left_ms:
        failure = machine.statuses.failures.get(app_id)
        why = f": {failure.message or failure.state.value}" if failure else ""
        yield (
            f"{count} of {app_id} not started again for another {-(-left_ms // 1000)} s, because "
            f"the last one ended{why}"
        )
    elif not machine.session.is_connected:
        yield f"{count} of {app_id} not started: there is no connection to the master"
    elif not entry.last_offers:
        yield f"{count} of {app_id} not started: no agent has offered anything yet"
    else:
        yield f"{count} of {app_id} not started: " + _shortage(list(entry.last_offers.values()))


def _shortage(offers: list[UnusedOffer]) -> str:
    """What no agent has enough of, measured by the best one; else each agent's own reason."""
    short = [dict(offer.rejection.lacking) for offer in offers]
    everywhere = [name for name in short[0] if all(name in lacking for lacking in short)]
    if everywhere:
        parts = [_best(name, [lacking[name] for lacking in short]) for name in everywhere]
        return "; ".join(parts)
    shown = [f"{offer.hostname} {offer.rejection.words}" for offer in offers[-AGENTS_SHOWN_MAX:]]
    more = len(offers) - len(shown)
    return "; ".join(shown) + (f"; and {more} more agents do not fit" if more > 0 else "")


def _best(name: str, found: list[tuple[int, int]]) -> str:
    needed, best = found[0][0], max(has for _, has in found)
    if name == "ports":
        return f"needs {needed} ports, best agent has {best}: short of {needed - best}"
    unit = "MiB " if name in ("mem", "disk") else ""
    return (
        f"needs {amount(needed)} {unit}{name}, best agent has {amount(best)}: "
        f"short of {amount(needed - best)}"
    )


# --- starts --------------------------------------------------------------------------------------
def _of_starts(machine: Supervisor, app_id: str) -> Iterator[str]:
    starting: list[Instance] = []
    unjudged: list[Instance] = []
    unready: list[Instance] = []
    sick: list[Instance] = []
    away: list[Instance] = []
    for one in machine.instances.unsettled(app_id):
        if one.state is TaskState.UNREACHABLE:
            away.append(one)
        elif one.state is not TaskState.RUNNING:
            starting.append(one)
        elif any(alive is False for alive in one.alive):
            sick.append(one)
        elif any(alive is None for alive in one.alive):
            unjudged.append(one)
        else:
            unready.append(one)
    if starting:
        yield f"{_count(len(starting), 'instance')} of {app_id} starting"
    if sick:
        yield _of_checks(machine, sick, f"of {app_id} unhealthy")
    if unjudged:
        yield _of_checks(machine, unjudged, f"of {app_id} not healthy yet")
    if unready:
        yield f"{_count(len(unready), 'instance')} of {app_id} not ready yet"
    if away:
        yield f"{_count(len(away), 'instance')} of {app_id} out of reach, with the agent"


def _of_checks(machine: Supervisor, found: list[Instance], words: str) -> str:
    causes: dict[str, None] = {}
    for one in found:
        for result in machine.health.results.get(one.task_id, []):
            cause = result.grace_cause or result.last_failure_cause
            if cause:
                causes[cause] = None
    text = f"{_count(len(found), 'instance')} {words}"
    return f"{text}: the health check says: {next(iter(causes))}" if causes else text


def _of_kills(machine: Supervisor, app_id: str) -> Iterator[str]:
    doomed = machine.instances.tally(app_id).doomed
    if doomed:
        draining = sum(bool(one.drains) for one in machine.instances.of_app(app_id))
        extra = f", {draining} of them being drained by load balancers first" if draining else ""
        yield f"{_count(doomed, 'instance')} of {app_id} being stopped{extra}"


def _of_bounds(machine: Supervisor, app_id: str, spec: Spec) -> Iterator[str]:
    tally = machine.instances.tally(app_id)
    settled = tally.settled.get(spec.config, 0)
    old = tally.active_total - tally.active.get(spec.config, 0)
    wanted = spec.app.instances
    if settled < wanted:
        bounds = capacity(
            wanted,
            spec.app.upgrade_strategy.minimum_health,
            spec.app.upgrade_strategy.maximum_over,
            old + settled,
            tally.healthy_total,
        )
        yield (
            f"{settled} of {wanted} new instances of {app_id} healthy; {old} old kept, since at "
            f"least {bounds.healthy_min} must stay healthy"
        )
        failure = machine.statuses.failures.get(app_id)
        if failure is not None and failure.version == spec.app.version:
            text = failure.message or failure.state.value
            yield f"the last instance of the new version of {app_id} ended: {text}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
