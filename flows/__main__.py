"""`python -m flows` is `affected`."""

from flows.cli import main

main()
