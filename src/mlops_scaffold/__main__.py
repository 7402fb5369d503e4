"""`python -m mlops_scaffold`."""

from mlops_scaffold.cli import main

main()
