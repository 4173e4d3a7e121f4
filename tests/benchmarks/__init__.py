"""Speed and size, measured with real processes: `python -m tests.benchmarks` prints them."""
