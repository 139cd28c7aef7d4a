"""
Brings pages of the repository that live outside `docs/` into the site: examples, design, changelog.

A link out of `docs/` works on a code host as it stands; here it is led to the page of the site. An
example's page ends with its files.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json"}
_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")


def site_paths() -> dict[str, str]:
    """Return where each page of the repository stands in the site."""
    docs = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    examples = [path.parent.name for path in (ROOT / "examples").glob("*/README.md")]
    project = ("CHANGELOG", "CONTRIBUTING", "DESIGN", "SECURITY")
    return {
        **{f"docs/{name}": name for name in docs},
        **{f"{name}.md": f"project/{name.lower()}.md" for name in project},
        **{f"examples/{name}/README.md": f"examples/{name}.md" for name in examples},
        "examples/README.md": "examples/index.md",
        "templates/README.md": "examples/template.md",
        "benchmarks/README.md": "project/benchmarks.md",
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live outside `docs/`; the navigation need not list them."""
    for source, site in site_paths().items():
        if not source.startswith("docs/"):
            page = File.generated(
                config, site, content=_text_of(source), inclusion=InclusionLevel.NOT_IN_NAV
            )
            files.append(page)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links between pages of the repository to the pages of the site."""
    sites = site_paths()
    (source,) = (source for source, site in sites.items() if site == page.file.src_uri)

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link.group()))
        site = sites.get(target) or sites.get(f"{target}/README.md")
        return posixpath.relpath(site, posixpath.dirname(page.file.src_uri)) if site else link[0]

    return _LINK.sub(led, markdown)


def _text_of(source: str) -> str:
    """Return the text of a page, for an example with its files."""
    path = ROOT / source
    text = path.read_text()
    if source.startswith("examples/") and path.parent.name != "examples":
        text += "\n## The files\n"
        for file in sorted(path.parent.iterdir()):
            if file.suffix in _LANGUAGES and file.name != "Pulumi.yaml":
                opening = f'```{_LANGUAGES[file.suffix]} title="{file.name}"'
                text += f"\n{opening}\n{file.read_text()}```\n"
    return text
