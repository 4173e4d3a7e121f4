"""`python -m kernel master|agent …`: runs one daemon of the kernel; its flags are its own.

Loads only the daemon that is asked for, so that neither carries the other's weight.
"""

import importlib
import sys

DAEMONS = {"master": "kernel.runtime.master.main", "agent": "kernel.runtime.agent.main"}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in DAEMONS:
        print(f"usage: python -m kernel {'|'.join(DAEMONS)} …", file=sys.stderr)
        sys.exit(2)
    importlib.import_module(DAEMONS[name]).main(sys.argv[2:])


if __name__ == "__main__":
    main()
