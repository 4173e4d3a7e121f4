"""The few lines of sh between the runner and a task: they write down how the task ended.

The recorder stays outside the task's control groups, so that neither an OOM kill nor the kill of
the whole group takes the witness along. DIFFERS from a recorder inside them for that reason.
It starts the task in a session of its own, writes the task's identity before the task can do
anything, and its exit status by temporary file and rename. What that means is the runner's matter.
Imported by the runner: no imports here.
"""

#: Words: run, record directory, mv; then the control files to join, `--`, and the task's argv.
#: DIFFERS: what the shell can't start ends with its status, 127 or 126; Mesos's executor with 1.
#: The task runs as a foreground child: a background one would ignore SIGINT and SIGQUIT for good.
#: Descriptor 3 is the runner's pipe; it may be broken (the runner was killed), hence the trap.
SCRIPT = """\
run=$1 record=$2 mv=$3
shift 3
exec 4>&2 2>/dev/null
(
  while [ "$1" != -- ]; do
    if ! echo 0 > "$1"; then echo "$run refused $1" >&3; exit 125; fi
    shift
  done
  shift
  read -r stat < /proc/self/stat || stat=$(exec sh -c 'echo "$PPID"')
  echo "$stat" > "$record/task"
  trap '' PIPE
  echo "$run started $stat" >&3
  trap - PIPE
  exec 2>&4 3>&- 4>&- "$@"
)
status=$?
echo $status > "$record/exit.tmp"
"$mv" "$record/exit.tmp" "$record/exit"
exit $status
"""

#: Variables that would act on the shell or the loader of the recorder (which may be root) instead
#: of on the task only; they are handed over at the very end, by `env`.
_LATE_PREFIXES = ("LD_", "DYLD_", "BASH_", "GLIBC_", "MALLOC_", "GCONV_")
_LATE_NAMES = (
    "ENV",
    "IFS",
    "PS4",
    "SHELLOPTS",
    "BASHOPTS",
    "LOCPATH",
    "NLSPATH",
    "POSIXLY_CORRECT",
)


def is_late(name: str) -> bool:
    """Whether a variable must not reach the recorder; also names that sh would lose."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit()
    return not plain or name.startswith(_LATE_PREFIXES) or name in _LATE_NAMES


def words(
    run: str,
    record: str,
    joins: list[str],
    argv: list[str],
    environment: dict[str, str],
    tools: dict[str, str],
    owner: str,
) -> list[str]:
    """The recorder's own argv. `tools` are the paths of sh, mv, env, setsid and setpriv, `owner` is
    "uid:gid" to switch to or ""."""
    late = [f"{name}={value}" for name, value in environment.items() if is_late(name)]
    wrap = [tools["setsid"]] if tools.get("setsid") else []
    if owner:
        uid, _, gid = owner.partition(":")
        wrap += [tools["setpriv"], f"--reuid={uid}", f"--regid={gid}", "--init-groups", "--"]
    if late:
        wrap += [tools["env"], *late]
    own = [tools["sh"], "-c", SCRIPT, "tepui-recorder", run, record, tools["mv"]]
    return [*own, *joins, "--", *wrap, *argv]
