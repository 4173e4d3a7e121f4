"""Who the master says that it is."""

from ipaddress import ip_address

import pytest

from kernel.runtime.master.config import MasterConfig, problem_with
from kernel.runtime.master.server import master_info


@pytest.mark.parametrize(
    ("config", "ip", "hostname"),
    [
        (MasterConfig(), "127.0.0.1", "localhost"),
        (MasterConfig(ip="10.0.0.7"), "10.0.0.7", "10.0.0.7"),
        (MasterConfig(ip="0.0.0.0", hostname="localhost"), "127.0.0.1", "localhost"),
        (MasterConfig(ip="0.0.0.0", advertise_ip="10.0.0.7"), "10.0.0.7", "10.0.0.7"),
    ],
)
def test_clients_are_told_an_address_that_they_can_dial(
    config: MasterConfig, ip: str, hostname: str
) -> None:
    info = master_info(config, "m")

    assert info.address is not None
    assert (info.address.ip, info.hostname) == (ip, hostname)
    assert info.pid == f"master@{ip}:5050"
    assert info.ip == int.from_bytes(ip_address(ip).packed, "little")


def test_an_advertised_address_must_be_one() -> None:
    assert "--advertise-ip" in (problem_with(MasterConfig(advertise_ip="here")) or "")
