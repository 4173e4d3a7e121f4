"""Clusters for the tests: one that a module shares, or one of a test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, free_ports

HERE = Path(__file__).parent

Maker = Callable[..., Cluster]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[Maker]:
    """Makes one cluster, not started, and ends it after the test."""
    made: list[Cluster] = []

    with free_ports() as first:

        def make(*flags: str) -> Cluster:
            assert not made, "one cluster per test"
            made.append(Cluster(tmp_path / "state", first, *flags))
            return made[0]

        yield make
        for cluster in made:
            cluster.clear()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One running cluster for all tests of a module; each uses names of its own."""
    directory = tmp_path_factory.mktemp("cluster") / "state"
    with free_ports() as first:
        made = Cluster(directory, first, "--cpus", "16", "--mem", "16384")
        try:
            yield made.up()
        finally:
            made.clear()
