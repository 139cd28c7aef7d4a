"""
The pictures of the docs, each drawn from a text that a real run has printed.

The text stands beside the picture (`docs/images/*.txt`), so that a test notices when either of them
is stale. `make pictures` runs everything anew, and the sessions of the pages too.
"""

from __future__ import annotations

import html
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pulumi_zuora_backfill.testing import EmbeddedStack, Sandbox

from . import pages

IMAGES = pages.ROOT / "docs" / "images"
PRODUCTION = "https://rest.na.zuora.com"  # of a stack that is named prod
WIDTH = pages.WIDTH + 2

_PROGRAM = """\
from pulumi_zuora_backfill import VerifiedBackfill

backfill = VerifiedBackfill(
    "charges",
    type="RatePlanCharge",
    approval="{}",
    reason="REV-1432",
)
"""


def demo() -> str:
    """Run the demo, and show two chapters: the answer that got lost, and the second stack."""
    command = [sys.executable, str(pages.ROOT / "examples" / "demo.py"), "--embedded"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout
    chapters = re.split(r"^(?=── )", text, flags=re.MULTILINE)
    shown = [text for text in chapters if "lost" in text[:40] or "second" in text[:40]]
    return pages.Settled(r"http://127\.0\.0\.1:\d+", PRODUCTION)("".join(shown))


def pull_requests() -> str:
    """Show what each of the two pull requests changes, and what its preview says."""
    first, second, dry_run, _ = _two_pull_requests()
    added = "".join(f"+ {line}".rstrip() + "\n" for line in _PROGRAM.format("wait").splitlines())
    return (
        f"Pull request 1: run dry\n\n{added}\n$ pulumi preview\n{first}\n"
        "After the merge, `pulumi up` runs dry, stops, and prints the line to add.\n\n"
        f'Pull request 2: approve\n\n-     approval="wait",\n+     approval="{dry_run}",\n\n'
        f"$ pulumi preview\n{second}\nAfter the merge, `pulumi up` starts the live job.\n"
    )


def comment() -> str:
    """Show the whole preview of the second pull request, as a tool posts it into a comment."""
    *_, whole = _two_pull_requests()
    return whole


PICTURES: dict[str, Callable[[], str]] = {
    "demo": demo,
    "pull-requests": pull_requests,
    "comment": comment,
}
TITLES = {
    "demo": "make demo",
    "pull-requests": "two pull requests",
    "comment": "preview on revenue/prod",
}


def _two_pull_requests() -> tuple[str, str, str, str]:
    """Play both; return what the two previews say, the dry run's id, and the second preview."""
    with tempfile.TemporaryDirectory() as name, Sandbox(job_duration_s=0, seed=1) as zuora:
        folder, settle = Path(name), pages.Settled(zuora.base_url, PRODUCTION)
        (folder / "Pulumi.yaml").write_text("name: revenue\nruntime: python\n")
        program = folder / "__main__.py"
        config = {"zuora:tenantId": zuora.tenant_id}
        stack = EmbeddedStack("prod", folder, config=config, env=zuora.environment())
        program.write_text(_PROGRAM.format("wait"))
        first = settle(stack.preview().stdout)
        stack.up()
        dry_run = zuora.jobs[0].id
        program.write_text(_PROGRAM.format(dry_run))
        second = settle(stack.preview().stdout)
    whole = second.partition("\n\n")[2].strip("\n") + "\n"  # without the notice of the engine
    return pages.said(first), pages.said(second), dry_run, whole


def drawn(name: str, text: str) -> str:
    """Draw a text as a picture of a terminal."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    for line in text.splitlines():
        for part in pages.wrapped([line]):
            console.print(Text(part, style=_style(line)))
    svg = console.export_svg(title=TITLES[name], theme=MONOKAI, unique_id=name)
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is loaded


def _style(line: str) -> str:
    styles = {
        "── ": "bold cyan",
        "Pull request": "bold cyan",
        "$ ": "bold",
        "→ ": "green",
        "+ ": "green",
        "- ": "red",
    }
    for start, style in styles.items():
        if line.startswith(start):
            return style
    words = {"error:": "bold red", "warning:": "yellow", "LIVE": "yellow"}
    return next((style for word, style in words.items() if word in line), "")


def words_of(svg: str) -> str:
    """Return what a picture says, without any space."""
    lines = re.findall(r"<text[^>]*>(.*?)</text>", svg, flags=re.DOTALL)
    return "".join(html.unescape("".join(lines)).split())


def main() -> None:
    """Make all pictures, and write down what the pages show."""
    os.environ.pop("ZUORA_BASE_URL", None)
    for name, make in PICTURES.items():
        text = make()
        (IMAGES / f"{name}.txt").write_text(text)
        (IMAGES / f"{name}.svg").write_text(drawn(name, text))
    pages.main()


if __name__ == "__main__":
    main()
