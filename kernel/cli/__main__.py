"""Lets `python -m kernel.cli` be the program `tepui`, also where the console script is not
installed.
"""

from kernel.cli.main import main

if __name__ == "__main__":
    main()
