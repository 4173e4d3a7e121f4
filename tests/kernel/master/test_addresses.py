"""Under which address an agent is reached."""

import pytest

from kernel.master.addresses import ip_of
from kernel.messages.v1 import AgentInfo


@pytest.mark.parametrize(
    ("hostname", "told", "ip"),
    [
        ("localhost", None, "127.0.0.1"),
        ("10.0.0.7", None, "10.0.0.7"),
        ("node-7", None, ""),
        ("node-7", "10.0.0.7", "10.0.0.7"),
        ("node-7", "0.0.0.0", ""),
    ],
)
def test_an_agents_address_is_what_it_tells_or_its_name_gives_away(
    hostname: str, told: str | None, ip: str
) -> None:
    assert ip_of(AgentInfo(hostname=hostname), told) == ip
