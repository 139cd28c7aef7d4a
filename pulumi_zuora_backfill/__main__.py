"""The operator commands: `zuora-backfill`, or `python -m pulumi_zuora_backfill`."""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec

USAGE = 2
TERMINATED = 143


def main() -> int:
    """Run a command and return its exit code; without the extra, say what to install."""
    if find_spec("click") is None or find_spec("rich") is None:
        sys.stderr.write(
            "zuora-backfill needs click and Rich: pip install 'pulumi-zuora-backfill[cli]'\n"
        )
        return USAGE
    from .cli.commands import main as run

    # A SystemExit lets a command give the terminal back; the signal alone would not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    return run()


if __name__ == "__main__":
    sys.exit(main())
