"""
What a stack's configuration says of Zuora, read by the `pulumi` CLI itself.

Only the secrets of ours that the environment does not set are decrypted: `--show-secrets` would
decrypt everybody's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection, Mapping
from typing import Any, Final

from pulumi_zuora_backfill.errors import ConfigurationError
from pulumi_zuora_backfill.settings.loading import NAMES
from pulumi_zuora_backfill.zuora.texts import clean

_TIMEOUT_S: Final = 120.0


def read_stack(stack: str, environ: Mapping[str, str]) -> dict[str, str]:
    """
    Read the stack's configuration in today's folder.

    Runs `pulumi config`, and `pulumi config get` for each of our secrets that is needed.

    Args:
        stack: Its name.
        environ: The process environment: what it sets is not decrypted.

    Returns:
        The values by full key; empty texts for values that are nobody's business here.

    Raises:
        ConfigurationError: The CLI is not there, or could not read it.
    """
    told = json.loads(_pulumi("config", "--json", "--stack", stack))
    needed = {key for variable, key in NAMES.values() if not (environ.get(variable) or "").strip()}
    return {key: _value(key, entry, needed, stack) for key, entry in told.items()}


def _value(key: str, entry: Mapping[str, Any], needed: Collection[str], stack: str) -> str:
    if not entry.get("secret"):
        return str(entry.get("value", ""))
    if key not in needed:
        return ""
    return _pulumi("config", "get", key, "--stack", stack).removesuffix("\n")


def _pulumi(*arguments: str) -> str:
    """Run the CLI, and return what it printed."""
    try:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except FileNotFoundError:
        raise ConfigurationError(
            "--stack needs the pulumi CLI, and there is none on the PATH.",
            "Install it, or leave --stack out and export ZUORA_BASE_URL, ZUORA_CLIENT_ID and "
            "ZUORA_CLIENT_SECRET.",
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"The pulumi CLI did not answer within {_TIMEOUT_S:.0f} s.",
            "Nothing was sent to Zuora. Check the state backend with `pulumi whoami`.",
        ) from None
    if done.returncode:
        raise ConfigurationError(
            f"The stack's configuration could not be read: {clean(done.stderr)}",
            "Nothing was sent to Zuora. Run the command where `pulumi preview` works.",
        )
    return done.stdout
