"""Documentation that is made from the code: `python -m tests.documentation` writes it."""
