"""What is wrong with a request, as data: which field, what about it, what to do instead."""

from msgspec import Struct


class Refusal(Struct, frozen=True):
    """One reason to refuse; `field` is the name on the wire, or "" when no single field is it."""

    field: str
    message: str
    status: int = 400


class Refused(ValueError):
    """Carries a `Refusal` out of a parser; whoever calls the parser turns it into data."""

    def __init__(self, field: str, message: str, status: int = 400) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.refusal = Refusal(field, message, status)
