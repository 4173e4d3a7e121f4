"""Stand-ins of different sizes, and a browser without a browser: Flask's own client."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.standin import StandIn, World
from web import create_app
from web.config import Config


def config_for(stand_in: StandIn, work_dir: Path) -> Config:
    return Config(
        work_dir=str(work_dir),
        master=stand_in.url("master"),
        marathon=stand_in.url("marathon"),
        chronos=stand_in.url("chronos"),
        lb=stand_in.url("lb"),
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[World], tuple[StandIn, FlaskClient]]]:
    running: list[StandIn] = []

    def begin(world: World) -> tuple[StandIn, FlaskClient]:
        stand_in = StandIn(world)
        running.append(stand_in)
        return stand_in, create_app(config_for(stand_in, tmp_path)).test_client()

    yield begin
    for stand_in in running:
        stand_in.close()


@pytest.fixture
def three(
    start: Callable[[World], tuple[StandIn, FlaskClient]],
) -> tuple[StandIn, FlaskClient]:
    return start(World(3))
