"""``python -m diffgfx``: the command line, for machines without the script on their path."""

import sys

from diffgfx.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
