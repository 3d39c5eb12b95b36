"""Run the command line as `python -m omninode`."""

from omninode.cli.main import main

main()
