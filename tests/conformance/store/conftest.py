"""The servers behind the stores: started once for all tests here, each test with its own names."""

from collections.abc import Iterator

import pytest

from tests.servers import redis_server, zookeepers


@pytest.fixture(scope="package")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture(scope="package")
def zookeeper_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with zookeepers(tmp_path_factory.mktemp("zookeeper")) as servers:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        yield f"zk://{hosts}/tepui"


@pytest.fixture(scope="package")
def redis_url(redis_address: str) -> str:
    return f"{redis_address}?lease=2"


@pytest.fixture(scope="package")
def zookeeper_url(zookeeper_address: str) -> str:
    return f"{zookeeper_address}?session=2"
