"""`python -m onecdp` is `onecdp`."""

from onecdp.cli.main import main

main(prog_name="onecdp")
