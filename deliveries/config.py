"""What the deliveries worker can be told, with units, defaults and ranges."""

from typing import Annotated

from msgspec import Meta, Struct


class Config(Struct, frozen=True):
    """The worker that sends mails and webhooks, and tries again when it must."""

    work_dir: Annotated[str, Meta(description="Directory of its state.")] = ".tepui/deliveries"
    broker: Annotated[
        str,
        Meta(description="Where deliveries wait: a directory, or redis://host:6379/0."
             " Empty: broker/ in the work directory."),
    ] = ""  # fmt: skip
    smtp: Annotated[
        str, Meta(description="Mail server, smtp://user:password@host:587 or smtps://….")
    ] = ""
    sender: Annotated[str, Meta(description="The address that mails come from.")] = (
        "tepui@localhost"
    )
    attempts_max: Annotated[
        int, Meta(description="Attempts before a delivery is dead.", ge=1, le=100)
    ] = 8
    retry_first_s: Annotated[
        float, Meta(description="Seconds until the second attempt; doubles each time.", gt=0)
    ] = 5
    retry_longest_s: Annotated[
        float, Meta(description="Seconds that a pause never exceeds.", gt=0)
    ] = 3600

    @property
    def broker_address(self) -> str:
        return self.broker or f"{self.work_dir}/broker"
