"""`python -m marathon_app`: runs Marathon's process."""

import sys

from marathon_app.runtime.server import main

if __name__ == "__main__":
    main(sys.argv[1:])
