"""`python -m deliveries`, which is `tepui deliveries`: the worker as a process."""

import logging
import sys
import warnings

from celery.exceptions import SecurityWarning

from deliveries.config import Config
from deliveries.worker import run
from kernel.runtime.config import parse
from kernel.runtime.serve import die_with_supervisor, set_up_logging


def main() -> None:
    config = parse(Config, "deliveries", sys.argv[1:])
    set_up_logging("deliveries")
    for chatty in ("celery", "kombu"):  # what happens to each delivery the worker itself says
        logging.getLogger(chatty).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=SecurityWarning)  # messages are JSON, not pickles
    die_with_supervisor()
    sys.exit(run(config))


if __name__ == "__main__":
    main()
