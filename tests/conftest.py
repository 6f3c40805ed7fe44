"""What all tests share."""

import os
import sys

if os.environ.get("FLAMBEAU_ORACLE") == "0":
    # As if PyTorch were not installed: what needs it as the oracle is skipped, with that reason.
    sys.modules["torch"] = None  # type: ignore[assignment]
