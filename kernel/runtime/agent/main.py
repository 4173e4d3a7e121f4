"""`tepui agent`: reads the flags and serves until told to stop."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from kernel.runtime.agent.config import AgentConfig, problem_with
from kernel.runtime.agent.former import problem_with_change
from kernel.runtime.agent.server import build
from kernel.runtime.config import EXIT_USAGE, parse
from kernel.runtime.serve import serve


def main(argv: Sequence[str]) -> NoReturn:
    """SIGTERM ends the agent and leaves its tasks; SIGUSR1 ends the tasks and the runner first."""
    config = parse(AgentConfig, "agent", argv)
    problem = problem_with(config) or problem_with_change(config)
    if problem is not None:
        print(f"tepui agent: {problem}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    serve(
        lambda: build(config),
        ip=config.ip,
        port=config.port,
        name="agent",
        host_names=config.hostname,
    )
