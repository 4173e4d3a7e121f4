"""`python -m chronos_app`: runs Chronos's process."""

import sys

from chronos_app.runtime.server import main

if __name__ == "__main__":
    main(sys.argv[1:])
