"""A small true cluster for the dashboard's tests: one HTTP server that speaks all five APIs.

It keeps apps, deployments, jobs and files in memory and changes them as the real parts would, as
far as the screens can tell. `World.advance` moves deployments on; nothing happens by itself.
"""

from tests.web.standin.server import StandIn
from tests.web.standin.world import World

__all__ = ["StandIn", "World"]
