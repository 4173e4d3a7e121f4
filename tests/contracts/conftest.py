"""Where the contracts are tried: on processes of our own, or on a master that somebody names."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.cluster import Cluster, OwnCluster
from tests.contracts.wire import Address


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contracts")
    group.addoption("--mesos-master", metavar="HOST:PORT", help="try the contracts on this master")
    group.addoption("--mesos-agent", metavar="HOST:PORT", help="an agent of that master")


def _told(config: pytest.Config, what: str) -> Address | None:
    text = config.getoption(f"mesos_{what}", None) or os.environ.get(f"MESOS_{what.upper()}")
    return Address.parse(text) if text else None


@pytest.fixture(scope="session")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """One for all contracts that need nothing special and leave nothing behind."""
    master = _told(request.config, "master")
    if master is not None:
        yield Cluster(master, _told(request.config, "agent"))
        return
    own = OwnCluster(tmp_path_factory.mktemp("contracts"))
    try:
        yield own
    finally:
        own.end()


@pytest.fixture
def own_cluster(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., OwnCluster]]:
    """Makes clusters with flags, whose processes the test may stop and kill."""
    if _told(request.config, "master") is not None:
        pytest.skip("needs flags, or to stop processes: not on somebody else's master")
    made: list[OwnCluster] = []

    def make(**options: Any) -> OwnCluster:
        made.append(OwnCluster(tmp_path / str(len(made)), **options))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.end()
