"""`python -m onecdp` is `onecdp`."""

from onecdp.cli import main

main(prog_name="onecdp")
