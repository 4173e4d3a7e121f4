"""How short a machine is, and when that is too short. What follows is `oversubscription`'s."""

from msgspec import Struct


class Pressure(Struct, frozen=True):
    """The load is that of a minute, per cpu, in thousandths."""

    mem_available_mib: int
    load_milli: int


class Limits(Struct, frozen=True):
    """From the flags; a limit of 0 is none."""

    mem_floor_mib: int = 256
    load_milli_max: int = 0

    def are_passed(self, pressure: Pressure) -> bool:
        is_loaded = 0 < self.load_milli_max < pressure.load_milli
        return is_loaded or pressure.mem_available_mib < self.mem_floor_mib
