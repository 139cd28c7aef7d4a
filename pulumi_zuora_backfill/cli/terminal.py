"""Where a command speaks: results go to stdout, what is said besides goes to stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click
from rich.console import Console


def console() -> Console:
    """
    Return stdout for Rich.

    Colours and bars only on a real terminal: `FORCE_COLOR`, which many CI files set, would fill
    their logs with control codes. `NO_COLOR` takes the colours away.
    """
    real = sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"
    return Console(
        file=sys.stdout,
        force_terminal=real,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
    )


def say(text: str) -> None:
    """Say something besides the result."""
    click.echo(text, err=True)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON; on one line without an indent."""
    click.echo(json.dumps(value, indent=indent))


def can_ask() -> bool:
    """Tell whether somebody sits there who can answer."""
    return sys.stdin.isatty()
