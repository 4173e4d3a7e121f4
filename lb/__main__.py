"""`python -m lb`: one load balancer."""

import sys

from kernel.runtime.config import parse
from kernel.runtime.serve import serve
from lb.runtime.config import LbConfig, refusal
from lb.runtime.server import Balancer


def main(argv: list[str]) -> None:
    config = parse(LbConfig, "lb", argv)
    problem = refusal(config)
    if problem is not None:
        print(f"tepui lb: {problem}", file=sys.stderr)
        sys.exit(2)
    serve(lambda: Balancer(config).application(), ip=config.ip, port=config.port, name="lb")


if __name__ == "__main__":
    main(sys.argv[1:])
