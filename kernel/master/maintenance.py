"""Plans when machines are to be away, takes them down and brings them up, as operators ask.

A machine of the schedule is draining: its agents' offers say when it is to be away, and whoever has
something there is asked to leave. Taken down, its agents are told to end and none may come; brought
up, it leaves the schedule. All this survives the master. Source: Mesos, docs/maintenance.md,
src/master/maintenance.cpp; recordings operator-maintenance, status-operator-master.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from kernel.machine import Now
from kernel.master import registry_maintenance
from kernel.master.cluster import Agent, Cluster
from kernel.master.departures import Departures
from kernel.master.events import Effect, OperatorCallReceived
from kernel.master.inverse_offers import InverseOffers
from kernel.master.machines import Machines, Mode, key_of, shown
from kernel.master.offers import Offers
from kernel.master.operators import Operators, Outcome
from kernel.master.standing import refresh, unavailability
from kernel.messages.maintenance import (
    DrainingMachine,
    InverseOfferStatus,
    MachineId,
    Schedule,
    Status,
)
from kernel.messages.operator import CallType

BAD = 400


class Maintenance:
    """Works on the books of one `Cluster`."""

    def __init__(
        self, cluster: Cluster, offers: Offers, inverse: InverseOffers, departures: Departures
    ) -> None:
        self._cluster = cluster
        self._offers = offers
        self._inverse = inverse
        self._departures = departures

    def recover(self, records: Mapping[str, Mapping[str, bytes]]) -> None:
        """What was planned and done under an earlier master."""
        self._cluster.machines = Machines(
            registry_maintenance.read_schedule(records), registry_maintenance.read_down(records)
        )

    def register(self, operators: Operators) -> None:
        operators.handle(CallType.UPDATE_MAINTENANCE_SCHEDULE, self._on_schedule)
        operators.handle(CallType.START_MAINTENANCE, self._on_start)
        operators.handle(CallType.STOP_MAINTENANCE, self._on_stop)
        operators.show(
            CallType.GET_MAINTENANCE_SCHEDULE,
            lambda: {"schedule": self._cluster.machines.schedule},
            pages={"/maintenance/schedule": lambda: self._cluster.machines.schedule},
        )
        operators.show(
            CallType.GET_MAINTENANCE_STATUS,
            lambda: {"status": status(self._cluster)},
            pages={"/maintenance/status": lambda: status(self._cluster)},
        )

    # --- operators -------------------------------------------------------------------------

    def _on_schedule(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        call = asked.call.update_maintenance_schedule
        assert call is not None
        problem = schedule_problem(call.schedule, self._cluster.machines)
        if problem is not None:
            return Outcome(BAD, problem)
        written = registry_maintenance.put_schedule(call.schedule)
        return Outcome(effects=[written, *self._replace(call.schedule)])

    def _on_start(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        """Draining machines go down; their agents must end, and no other may come from there."""
        call = asked.call.start_maintenance
        assert call is not None
        machines = self._cluster.machines
        problem = machines_problem(call.machines) or _mode_problem(
            call.machines, machines, Mode.DRAINING, "cannot be brought down"
        )
        if problem is not None:
            return Outcome(BAD, problem)
        down = {key_of(machine): machine for machine in call.machines}
        machines.down.update(down)
        effects: list[Effect] = [registry_maintenance.take_down(down)]
        for agent in list(self._cluster.agents.values()):
            if machines.is_down(agent.info.hostname, agent.ip):
                effects += self._departures.take_down(agent, now)
        return Outcome(effects=effects)

    def _on_stop(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        """Machines that were down are up, and out of the schedule; their agents may come."""
        call = asked.call.stop_maintenance
        assert call is not None
        machines = self._cluster.machines
        problem = machines_problem(call.machines) or _mode_problem(
            call.machines, machines, Mode.DOWN, "cannot be brought up"
        )
        if problem is not None:
            return Outcome(BAD, problem)
        up = {key_of(machine): machine for machine in call.machines}
        for key in up:
            del machines.down[key]
        schedule = machines.without(list(up))
        written = registry_maintenance.bring_up(up, schedule)
        return Outcome(effects=[written, *self._replace(schedule)])

    # --- parts -----------------------------------------------------------------------------

    def _replace(self, schedule: Schedule) -> list[Effect]:
        cluster = self._cluster
        before = {agent_id: unavailability(cluster, a) for agent_id, a in cluster.agents.items()}
        cluster.machines.replace(schedule)
        effects: list[Effect] = []
        for agent_id, agent in cluster.agents.items():
            if unavailability(cluster, agent) != before[agent_id]:
                effects += self._reconsider(agent)
        return effects

    def _reconsider(self, agent: Agent) -> list[Effect]:
        """Everybody is asked anew, with the new time: also those who had refused."""
        effects = self._offers.rescind_all(agent)
        effects += self._inverse.forget_agent(agent.agent_id)
        self._cluster.allocator.filters.forget_agent(agent.agent_id)
        refresh(self._cluster, agent)
        self._inverse.look_at(agent.agent_id)
        return effects


def status(cluster: Cluster) -> Status:
    """Which machines are draining, with what frameworks answered, and which are down."""
    answers: dict[str, list[InverseOfferStatus]] = {}
    for agent_id, by_framework in cluster.inverse.answers.items():
        agent = cluster.agents[agent_id]
        for key in cluster.machines.keys(agent.info.hostname, agent.ip):
            answers.setdefault(key, []).extend(by_framework.values())
    return Status(
        draining_machines=[
            DrainingMachine(id=machine, statuses=answers.get(key_of(machine), []))
            for machine in cluster.machines.draining()
        ],
        down_machines=list(cluster.machines.down.values()),
    )


def schedule_problem(schedule: Schedule, machines: Machines) -> str | None:
    """Why this can't be the schedule, or None."""
    seen: dict[str, MachineId] = {}
    for window in schedule.windows:
        if not window.machine_ids:
            return "List of machines in the maintenance window is empty"
        duration = window.unavailability.duration
        if duration is not None and duration.nanoseconds < 0:
            return "Unavailability 'duration' is negative"
        if problem := _machines_problem(window.machine_ids, seen):
            return problem
    for key, machine in machines.down.items():
        if key not in seen:
            name = shown(machine)
            return f"Machine '{name}' is deactivated and cannot be removed from the schedule"
    return None


def machines_problem(machines: Sequence[MachineId]) -> str | None:
    """Why this list names no machines, or None."""
    return _machines_problem(machines, {}) if machines else "List of machines is empty"


def _machines_problem(machines: Sequence[MachineId], seen: dict[str, MachineId]) -> str | None:
    for machine in machines:
        if not machine.hostname and not machine.ip:
            return "Both 'hostname' and 'ip' for a machine are empty"
        if machine.ip and not _is_address(machine.ip):
            return f"'ip' of a machine must be an IP address such as 10.0.0.1, not {machine.ip!r}"
        if key_of(machine) in seen:
            return f"Machine '{shown(machine)}' appears more than once in the schedule"
        seen[key_of(machine)] = machine
    return None


def _mode_problem(
    named: Sequence[MachineId], machines: Machines, mode: Mode, consequence: str
) -> str | None:
    for machine in named:
        if machines.mode(machine) is Mode.UP:
            return f"Machine '{shown(machine)}' is not part of a maintenance schedule"
        if machines.mode(machine) is not mode:
            return f"Machine '{shown(machine)}' is not in {mode} mode and {consequence}"
    return None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
