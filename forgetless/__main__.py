"""`python -m forgetless`."""

from forgetless.cli import main

main()
