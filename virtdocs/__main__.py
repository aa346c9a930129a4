"""`python -m virtdocs` is `virtdocs`."""

import sys

from virtdocs.cli import main

sys.exit(main())
