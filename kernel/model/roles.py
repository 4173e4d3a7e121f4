"""Roles as paths: `eng/web` is below `eng`.

Which names are roles is the master's to check (`validate.role_problem`). Source: Mesos,
docs/roles.md.
"""


def ancestors(role: str) -> tuple[str, ...]:
    """`a/b/c` has `a` and `a/b`."""
    return tuple(role[:index] for index, char in enumerate(role) if char == "/")


def is_within(role: str, ancestor: str) -> bool:
    """Whether the role is that one or below it."""
    return role == ancestor or role.startswith(f"{ancestor}/")
