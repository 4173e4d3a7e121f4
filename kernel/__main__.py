"""`python -m kernel master|agent …` starts one process of the kernel; only its code is loaded."""

import sys
from importlib import import_module

PROCESSES = {
    "master": "kernel.runtime.master.server",
    "agent": "kernel.runtime.agent.main",
}


def main(argv: list[str]) -> None:
    module = PROCESSES.get(argv[0]) if argv else None
    if module is None:
        print("usage: python -m kernel master|agent [flags]; --help shows them", file=sys.stderr)
        sys.exit(2)
    import_module(module).main(argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
