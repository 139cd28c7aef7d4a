"""What the docs show is what happens: programs, sessions, commands, pictures.

And how it is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_zuora_backfill.job import differences
from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS, WIRE_NAMES
from pulumi_zuora_backfill.settings.loading import NAMES
from tests.docs import pages, pictures

ROOT = pages.ROOT
SESSIONS = [path for path in pages.PAGES if pages.is_session(path)]
AGAIN = "Run `make pictures`, and look at what has changed."

# Commands that pages only name, and why no test runs them here.
NAMED_ONLY = {
    "git clone": "needs the network",
    "cd ": "follows the clone",
    "echo ": "needs the repository's address",
    "mkdir ": "of the tutorial, which is tried by hand before a release",
    "export ": "sets what a tenant or a CI needs",
    "rm -f ": "before the sandbox writes it",
    "until ": "waits for the sandbox",
    "do sleep ": "the same",
    "done": "the same",
    "unset ": "of the tutorial",
    "kill ": "ends the sandbox",
    "pulumi install": "needs a package index",
    "pulumi stack ": "needs the CLI",
    "pulumi config ": "needs the CLI",
    "pulumi cancel": "needs the CLI",
    "pulumi state ": "needs the CLI",
    "pulumi preview": "needs a tenant; the same page shows it in a session",
    "pulumi up": "needs a tenant; the same page shows it in a session",
    "pulumi destroy": "needs a tenant",
    "kubectl ": "needs a cluster",
    "python -m pulumi_zuora_backfill.testing.sandbox": "tests/test_sandbox_caller.py runs it",
    "python fleet.py": "tests/test_fleet_runs.py types it",
    "python manifests.py": "tests/test_fleet.py types it",
    "cp -r ": "copies an example",
    "venv/bin/python -m pulumi_zuora_backfill.testing.sandbox": "the same",
    "zuora-backfill ": "tests/test_cli.py runs it",
    "pip install ": "needs a package index",
    "python3 -m venv ": "comes before it",
    ". .venv/bin/activate": "the same",
    ". venv/bin/activate": "the same",
}


def no_difference(shown: str, real: str) -> None:
    """Fail with the lines that differ."""
    lines = difflib.unified_diff(shown.splitlines(), real.splitlines(), "shown", "real", n=1)
    assert shown == real, f"{AGAIN}\n" + "\n".join(lines)


@pytest.mark.sample(every=9)
@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_page_shows_what_really_happens(path: Path) -> None:
    """Each program of a page runs, and each session prints what the page says."""
    text = path.read_text()
    no_difference(text, pages.played(text))


@pytest.mark.slow
@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_of_today(name: str) -> None:
    """A picture says what a run prints today, and nothing else."""
    text = (pictures.IMAGES / f"{name}.txt").read_text()
    no_difference(text, pictures.PICTURES[name]())
    drawn = pictures.words_of((pictures.IMAGES / f"{name}.svg").read_text())
    assert drawn == "".join((pictures.TITLES[name] + text).split()), AGAIN


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: path.stem)
def test_every_program_of_a_page_runs(path: Path) -> None:
    """A program without a session would run nowhere; a piece of one must be readable Python."""
    fences = list(pages.fences_of(path.read_text()))
    programs = [fence for fence in fences if fence.title == "__main__.py"]
    assert not programs or path in SESSIONS or any(f.title.startswith("test_") for f in fences)
    for fence in fences:
        if fence.language == "python":
            compile(fence.text, f"{path.name}: {fence.title or 'a piece'}", "exec")


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: path.stem)
def test_every_command_of_a_page_is_known(path: Path) -> None:
    """A command is run by a session, is a target of make, or stands in the list with a reason."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for fence in pages.fences_of(path.read_text()):
        if fence.language != "bash" or fence.title.endswith(".sh"):
            continue
        for line in fence.text.splitlines():
            for command in filter(None, re.split(r"\s*(?:;|&&|#.*)\s*", line)):
                if command.startswith("make "):
                    assert command.split()[1] in targets
                elif command != ". ./zuora.env":
                    assert command.startswith(tuple(NAMED_ONLY)), command


def test_every_setting_has_its_row() -> None:
    """The reference names each setting in both spellings, and no other."""
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    rows = re.findall(r"^\| `(ZUORA_\w+)` \| `(zuora:\w+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(NAMES.values())


def test_what_a_change_does_stands_in_the_reference() -> None:
    """The table names the arguments that ask for another job, and those that only state keeps."""
    text = (ROOT / "docs" / "reference" / "resources.md").read_text()
    first, _, _, last, *_ = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    named = {
        title: {WIRE_NAMES[name] for name in re.findall(r"`(\w+)`", row)}
        for title, row in (("another job", first), ("state only", last))
    }
    assert named["another job"] == {*differences._REPLACING, *differences._SCOPE}
    assert named["state only"] == {*differences._STATE_ONLY, "trackId"} - {CUSTOM_TIMEOUTS}


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: path.stem)
def test_a_page_is_written_to_be_read(path: Path) -> None:
    """Prose is 100 columns wide, a paragraph has five lines, a page names its reader."""
    text = path.read_text()
    if path.name not in ("README.md", "index.md"):
        assert re.search(r"^\*?For (you|everybody|whoever|contributors)", text, re.MULTILINE), (
            "For whom is this page?"
        )
    for paragraph in paragraphs_of(text):
        assert len(paragraph) <= 5, paragraph
        assert all(len(line) <= 100 or "](" in line for line in paragraph), paragraph
    if path.name == "README.md":
        assert len(text.splitlines()) <= 150


def test_prose_beside_the_docs_is_as_wide() -> None:
    """What contributors read too, down to the READMEs of the examples."""
    folders = (".", ".github", "benchmarks", "examples", "examples/*", "policy", "templates/*")
    texts = {path: path.read_text() for folder in folders for path in ROOT.glob(f"{folder}/*.md")}
    assert len(texts) > 20
    for path, text in texts.items():
        for paragraph in paragraphs_of(text):
            wide = [line for line in paragraph if len(line) > 100 and "](" not in line]
            assert wide == [], path


def paragraphs_of(text: str) -> Iterator[list[str]]:
    """Return the lines of each paragraph, without code, tables, headings and comments."""
    for fence in reversed(list(pages.fences_of(text))):
        text = text[: fence.start] + text[fence.end :]
    for paragraph in re.split(r"\n\s*\n", re.sub("^> ?", "", text, flags=re.MULTILINE)):
        lines = paragraph.strip().splitlines()
        if lines and not lines[0].startswith(("|", "#", "```", "<!--", ":::")):
            items = re.split(r"\n(?=\s*(?:[-*] |\d+\. |!!! ))", "\n".join(lines))
            yield from (item.strip().splitlines() for item in items)


def test_the_readme_and_the_docs_link_to_what_is_there() -> None:
    """A relative link of the README leads to a file; mkdocs looks after those of the docs."""
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text()):
        assert target.startswith("https://") or (ROOT / target).exists(), target
