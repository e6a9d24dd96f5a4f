"""`python -m dualfluoro` is the command `dualfluoro`."""

import sys

from .cli import main

sys.exit(main())
