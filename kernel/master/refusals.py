"""Says how long a refusal lasts: of an offer, or of an inverse offer.

Remembering it is the allocator's and `inverse_offers`'. Source: Mesos, mesos.proto (Filters).
"""

from kernel.messages.v1 import Filters

REFUSE_DEFAULT_MS = 5_000  # mesos.proto, Filters.refuse_seconds
REFUSE_MAX_MS = 365 * 24 * 3_600_000  # Mesos, src/master/allocator: 365 days


def refuse_ms_of(filters: Filters | None) -> int:
    """How long a refusal lasts; what makes no sense is the default, as in Mesos."""
    if filters is None:
        return REFUSE_DEFAULT_MS
    seconds = filters.refuse_seconds
    if not seconds >= 0:  # negative, or no number
        return REFUSE_DEFAULT_MS
    return REFUSE_MAX_MS if seconds * 1000 > REFUSE_MAX_MS else round(seconds * 1000)
