"""``python -m pycarddav``, and the entry point of the command."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
