"""Start an ML repository at its level of MLOps maturity, and move it up without losing a line."""

# A literal, because reading it from the installed metadata costs more than starting Python.
__version__ = "0.1.0"
