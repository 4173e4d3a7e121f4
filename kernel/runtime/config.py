"""One frozen struct per process, decoded once: flag > environment > tepui.toml > default.

Every field of the struct is `Annotated[type, Meta(description=…, ge=…, le=…)]` with a default; the
flags, `--help` and docs/configuration.md are made from it. A value that can't be is refused with
one sentence that names where it came from.
"""

import argparse
import difflib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from kernel.store.urls import has_password, redacted

EXIT_USAGE = 2
TOML_FILE = "tepui.toml"

_METAVARS = {str: "TEXT", int: "N", float: "NUMBER"}

ConfigT = TypeVar("ConfigT", bound=Struct)


class Setting(Struct, frozen=True):
    """One field, as people see it."""

    name: str
    flag: str
    env: str
    kind: Any
    description: str
    default: Any


def settings(kind: type[Struct], section: str) -> Iterator[Setting]:
    """The fields of a config struct with their flags and environment variables."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        default = field.default
        if default is msgspec.NODEFAULT:
            factory = field.default_factory
            default = factory() if factory is not msgspec.NODEFAULT else None
        yield Setting(
            field.name,
            "--" + field.name.replace("_", "-"),
            f"TEPUI_{section}_{field.name}".upper(),
            hints[field.name],
            _description(hints[field.name]),
            default,
        )


def parse(
    kind: type[ConfigT],
    section: str,
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] = os.environ,
    toml: Path = Path(TOML_FILE),
) -> ConfigT:
    """Read the config of one process; a mistake ends it with exit code 2 and one sentence."""
    known = list(settings(kind, section))
    flags = _parser(kind, section, known).parse_args(argv)
    from_file = _toml_section(toml, section, known)
    values: dict[str, Any] = {}
    for setting in known:
        given = getattr(flags, setting.name)
        where = setting.flag
        if given is None:
            given, where = _given_elsewhere(setting, environ, from_file, f"{toml} [{section}]")
        elif isinstance(given, str) and has_password(given):
            _refuse(
                section,
                f"{setting.flag}: whoever is on this machine can read a password on the command"
                f" line; put it into the environment variable {setting.env} or into {toml}",
            )
        if given is not None:
            values[setting.name] = _converted(setting, given, where, section)
    missing = [s.flag for s in known if s.default is None and s.name not in values]
    required = [s.name for s in known if s.flag in missing and not _optional(s.kind)]
    if required:
        _refuse(section, f"{', '.join('--' + n.replace('_', '-') for n in required)} is needed")
    return kind(**values)


def _given_elsewhere(
    setting: Setting, environ: Mapping[str, str], from_file: Mapping[str, Any], file: str
) -> tuple[Any, str]:
    """The value that the environment or the file has, and where it was found."""
    if setting.env in environ:
        return environ[setting.env], f"the environment variable {setting.env}"
    return from_file.get(setting.name), f"{file} {setting.name}"


def _parser(kind: type[Struct], section: str, known: Sequence[Setting]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"tepui {section}",
        description=(kind.__doc__ or "").strip(),
        epilog="Each flag is also an environment variable (named in brackets) and a key of"
        f" {TOML_FILE} under [{section}]; the flag wins, then the variable, then the file.",
        allow_abbrev=False,
    )
    for setting in known:
        shown = "" if setting.default in (None, "") else f" Default: {_shown(setting.default)}."
        sentence = setting.description.rstrip(".") + "."
        text = f"{sentence}{shown} [{setting.env}]".replace("%", "%%")
        if _bare(setting.kind) is bool:
            parser.add_argument(
                setting.flag, action=argparse.BooleanOptionalAction, default=None, help=text
            )
        elif _is_list(setting.kind):
            parser.add_argument(
                setting.flag, action="append", default=None, help=text, metavar="X[,Y…]"
            )
        else:
            metavar = _METAVARS.get(_bare(setting.kind), "VALUE")
            parser.add_argument(setting.flag, default=None, help=text, metavar=metavar)
    return parser


def _converted(setting: Setting, given: Any, where: str, section: str) -> Any:
    if _is_list(setting.kind):
        parts = [given] if isinstance(given, str) else list(given)
        given = [piece.strip() for part in parts for piece in str(part).split(",") if piece.strip()]
    try:
        return msgspec.convert(given, setting.kind, strict=False)
    except msgspec.ValidationError as error:
        _refuse(section, f"{where}: {redacted(repr(given))} will not do: {error}")


def _toml_section(path: Path, section: str, known: Sequence[Setting]) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text()).get(section, {})
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        _refuse(section, f"{path} can't be read: {error}")
    names = {setting.name for setting in known}
    for name in found:
        if name not in names:
            _refuse(section, no_such_key(str(path), section, name, sorted(names)))
    return dict(found)


def no_such_key(path: str, section: str, name: str, names: Sequence[str]) -> str:
    """The sentence about a key that nobody knows, with the one that was probably meant."""
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(names)}."
    return f"{path}: [{section}] has no key {name}{hint}"


def _refuse(section: str, sentence: str) -> Any:
    print(f"tepui {section}: {sentence}", file=sys.stderr)
    sys.exit(EXIT_USAGE)


def _description(hint: Any) -> str:
    metas = [part for part in get_args(hint) if isinstance(part, Meta)]
    return next((meta.description for meta in metas if meta.description), "")


def _bare(hint: Any) -> Any:
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    inner = [part for part in get_args(bare) if part is not type(None)]
    return inner[0] if type(None) in get_args(bare) else bare


def _optional(hint: Any) -> bool:
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return type(None) in get_args(bare)


def _is_list(hint: Any) -> bool:
    return get_origin(_bare(hint)) in (list, tuple)


def _shown(default: Any) -> str:
    if isinstance(default, (list, tuple)):
        return ",".join(str(part) for part in default) or "none"
    return str(default)
