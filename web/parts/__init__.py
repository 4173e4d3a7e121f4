"""The other parts as the views ask them: one module per part, one method per question."""

from web.client import Part
from web.config import Config
from web.parts.chronos import Chronos
from web.parts.lb import LoadBalancer
from web.parts.marathon import Marathon
from web.parts.mesos import Mesos


class Parts:
    """All that the dashboard talks to."""

    def __init__(self, config: Config) -> None:
        self.mesos = Mesos(Part("The master", config.master))
        self.marathon = Marathon(Part("Marathon", config.marathon))
        self.chronos = Chronos(Part("Chronos", config.chronos))
        self.lb = LoadBalancer(Part("The load balancer", config.lb))

    def forget(self) -> None:
        """Something changed: read anew."""
        for each in (self.mesos, self.marathon, self.chronos, self.lb):
            each.part.forget()
