"""`python -m lb`: one load balancer."""

import sys
import time
from pathlib import Path

from kernel.runtime.config import parse
from kernel.runtime.serve import serve
from lb.runtime.config import LbConfig, refusal
from lb.runtime.ports import is_free, listeners
from lb.runtime.process import is_left_from_before
from lb.runtime.server import Balancer

HTTP_PORT_ATTEMPTS = 10


def port_refusal(config: LbConfig) -> str | None:
    """Why the HTTP port cannot be had, unless the HAProxy of before has it: that one is ours."""
    why = None
    for _ in range(HTTP_PORT_ATTEMPTS):
        if is_left_from_before(Path(config.work_dir).absolute()):
            return None
        why = is_free(config.bind, config.http_port)
        if why is None:
            return None
        time.sleep(0.1)  # the workers of a HAProxy that was killed just now need a moment
    pid, command = listeners().get(config.http_port, (0, "another process"))
    who = f", by {command} (pid {pid})" if pid else ""
    return f"{config.bind}:{config.http_port} is {why}{who}; choose another with --http-port"


def main(argv: list[str]) -> None:
    config = parse(LbConfig, "lb", argv)
    problem = refusal(config)
    if problem is not None:
        print(f"tepui lb: {problem}", file=sys.stderr)
        sys.exit(2)
    why = port_refusal(config)
    if why is not None:
        print(f"tepui lb: {why}", file=sys.stderr)
        sys.exit(2)
    serve(lambda: Balancer(config).application(), ip=config.ip, port=config.port, name="lb")


if __name__ == "__main__":
    main(sys.argv[1:])
