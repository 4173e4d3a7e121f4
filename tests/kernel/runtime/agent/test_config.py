"""The agent's flags and what it finds on its machine."""

from pathlib import Path

import pytest

from kernel.model.resources import MILLI, scalars
from kernel.runtime.agent.config import AgentConfig, masters, problem_with
from kernel.runtime.agent.host import agent_info, boot_id, resources


@pytest.mark.parametrize(
    ("config", "flag"),
    [
        (AgentConfig(ip="nonsense"), "--ip"),
        (AgentConfig(ip="0.0.0.0"), "--insecure"),
        (AgentConfig(resources="cpus:x"), "--resources"),
        (AgentConfig(attributes="rack"), "--attributes"),
        (AgentConfig(resources="file:///no/such/file"), "--resources"),
        (AgentConfig(resources="[{]"), "--resources"),
        (AgentConfig(domain="eu"), "--domain"),
        (AgentConfig(ports="5-1"), "--ports"),
        (AgentConfig(master=("ftp://h:2181/mesos",)), "--master"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_flag(config: AgentConfig, flag: str) -> None:
    assert flag in (problem_with(config) or "")


def test_the_defaults_will_do() -> None:
    assert problem_with(AgentConfig()) is None


def test_masters_may_be_named_by_host_and_port() -> None:
    config = AgentConfig(master=("h:5050", "https://i:5051"))

    assert masters(config) == [
        "http://h:5050/tepui/v1/agent",
        "https://i:5051/tepui/v1/agent",
    ]


def test_what_is_not_named_is_found(tmp_path: Path) -> None:
    found = resources(AgentConfig(resources="cpus:3.5;mem(web):64"), tmp_path)

    assert found.scalar("cpus") == 3_500
    assert found.scalar("mem") == 64 * MILLI
    assert found.scalar("disk") > 0
    assert found.ports() == ((31000, 32000),)
    assert resources(AgentConfig(), tmp_path).contains(scalars(cpus=1000, mem=1000))


def test_the_agent_is_called_by_its_flags(tmp_path: Path) -> None:
    info = agent_info(AgentConfig(attributes="rack:a;level:10"), tmp_path)

    assert (info.hostname, info.port) == ("localhost", 5051)
    assert [each.name for each in info.attributes] == ["rack", "level"]
    assert boot_id() == boot_id()


DISK = (
    '[{"name":"disk","type":"SCALAR","scalar":{"value":500},'
    '"disk":{"source":{"type":"MOUNT","mount":{"root":"/mnt/a"}}}}]'
)


def test_resources_may_be_json_or_stand_in_a_file(tmp_path: Path) -> None:
    """Source: Mesos, docs/attributes-resources.md, docs/multiple-disk.md."""
    file = tmp_path / "resources.json"
    file.write_text(DISK)

    found = resources(AgentConfig(resources=f"file://{file}"), tmp_path)

    assert found == resources(AgentConfig(resources=DISK), tmp_path)
    (mounted,) = [sort for sort, name in found.scalars if name == "disk"]
    assert mounted.disk is not None and mounted.disk.source is not None
    assert mounted.disk.source.root == "/mnt/a"


def test_the_domain_is_told() -> None:
    domain = agent_info(AgentConfig(domain="eu/a"), Path("/tmp")).domain

    assert domain == {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "a"}}}
