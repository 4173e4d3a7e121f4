"""What a restart may change. Source: mesos.md §1.2, §5 row 7; Mesos, docs/agent-recovery.md."""

import pytest

from kernel.agent.reconfiguration import Policy, configured, problem
from kernel.messages.domains import domain_of
from kernel.messages.quantities import parse_attributes, parse_resources, to_wire
from kernel.messages.v1 import AgentInfo
from tests.kernel.agent.world import SETTINGS, World, ready

MOUNT = '[{"name":"disk","type":"SCALAR","scalar":{"value":100},"disk":{"source":{"type":"MOUNT","mount":{"root":"/mnt/a"}}}}]'  # fmt: skip # noqa: E501


def info(
    resources: str = "cpus:4;ports:[1-5]", attributes: str = "rack:a", domain: str = ""
) -> AgentInfo:
    region, _, zone = domain.partition("/")
    return AgentInfo(
        hostname="h",
        resources=to_wire(parse_resources(resources)),
        attributes=parse_attributes(attributes),
        domain=domain_of(region, zone) if domain else None,
    )


GROWN = [
    info("cpus:8;ports:[1-5]"),
    info("cpus:4;ports:[1-9];gpus:1"),
    info(attributes="rack:a;level:3"),
    info(domain="eu/a"),
]
SHRUNK_OR_OTHER = [
    info("cpus:2;ports:[1-5]"),
    info("cpus:4;ports:[2-5]"),
    info("ports:[1-5]"),
    info(attributes="rack:b"),
    info(attributes=""),
]


def test_who_is_unchanged_may_start_under_each_policy() -> None:
    assert [problem(policy, info(), info()) for policy in Policy] == [None] * 3


@pytest.mark.parametrize("after", GROWN)
def test_additive_takes_what_was_added_and_equal_does_not(after: AgentInfo) -> None:
    assert problem(Policy.ADDITIVE, info(), after) is None
    assert problem(Policy.EQUAL, info(), after) is not None


@pytest.mark.parametrize("after", SHRUNK_OR_OTHER)
def test_additive_takes_nothing_away_and_any_takes_everything(after: AgentInfo) -> None:
    assert problem(Policy.ADDITIVE, info(), after) is not None
    assert problem(Policy.ANY, info(), after) is None


def test_ranges_of_an_attribute_may_grow() -> None:
    before = info(attributes="keys:[1-5]")

    assert problem(Policy.ADDITIVE, before, info(attributes="keys:[1-9]")) is None
    assert problem(Policy.ADDITIVE, before, info(attributes="keys:[2-9]")) is not None


def test_the_sentence_names_what_changed_and_what_to_do() -> None:
    after = info("cpus:8;ports:[1-5]", "rack:b", "eu/a")

    assert problem(Policy.EQUAL, info(), after) == (
        "cpus was 4 and is 8; the attribute rack was a and is b; the domain was not set and is"
        " eu/a. With --reconfiguration-policy equal nothing may change: start it with its former"
        " flags, or with --reconfiguration-policy any, which keeps every task and volume"
    )
    mount = problem(Policy.ADDITIVE, info(MOUNT), info(MOUNT.replace("100", "50")))
    assert mount is not None and mount.startswith("disk on /mnt/a was 100 and is 50")


def test_only_who_has_an_id_has_something_to_change() -> None:
    world = World()
    world.start()
    assert configured(world.disk) is None

    assert configured(ready().disk) == SETTINGS.info
