"""Run the command line: ``python -m autograd_mini``."""

import sys

from autograd_mini.cli.differentiate import main

if __name__ == "__main__":
    sys.exit(main())
