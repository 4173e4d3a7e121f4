"""Decides when a dependent job has earned a run: once per complete cycle of its parents.

A success carries its lineage: for each clock that it goes back to, the nominal time there. Two
successes belong together unless they go back to one clock at two times; a job run by hand has a
clock of its own and fits with any. Chronos only counted, lost its counts at a failover, and so let
a success of one cycle meet another's of the next one (DIFFERS). Source: Chronos issues 543, 811.
"""

from collections.abc import Mapping, Sequence

from chronos_app.core.record import Lineage

CREDITS_MAX = 32  # unused successes kept per parent; older ones can hardly be met any more

Credits = dict[str, list[Lineage]]


def clock_of(name: str, schedule: str, zone: str) -> str:
    """What names the clock of a scheduled job: jobs with one schedule share it."""
    own = "//" in schedule or "H" in schedule  # an empty start is the job's own, so is a hash
    return f"{name}@{schedule}" if own else f"{schedule}@{zone}"


def earn(credits: Credits, parents: Sequence[str], parent: str, lineage: Lineage) -> Lineage | None:
    """Note a success of `parent`; if that completes a cycle, use it up and return its lineage.

    What is older than the used successes is used up with them: a surplus does not count again.
    """
    earned = credits.setdefault(parent, [])
    earned.append(lineage)
    del earned[:-CREDITS_MAX]
    chosen: dict[str, int] = {parent: len(earned) - 1}
    others = [name for name in parents if name != parent]
    merged = _complete(credits, others, lineage, chosen)
    if merged is None:
        return None
    for name in parents:
        del credits[name][: chosen[name] + 1]
        if not credits[name]:
            del credits[name]
    return merged


def _complete(
    credits: Credits, names: Sequence[str], lineage: Lineage, chosen: dict[str, int]
) -> Lineage | None:
    """One success of each of `names` that belongs with `lineage`, the latest ones first."""
    if not names:
        return lineage
    earned = credits.get(names[0], [])
    for index in range(len(earned) - 1, -1, -1):
        if _belong_together(lineage, earned[index]):
            merged = _complete(credits, names[1:], {**lineage, **earned[index]}, chosen)
            if merged is not None:
                chosen[names[0]] = index
                return merged
    return None


def _belong_together(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return all(other.get(clock, nominal) == nominal for clock, nominal in one.items())


def keep_credits(credits: Credits, parents: Sequence[str]) -> Credits:
    """After an edit: what was earned from parents that stay is kept."""
    return {name: earned for name, earned in credits.items() if name in parents}
