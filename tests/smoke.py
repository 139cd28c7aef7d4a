"""
Build what is published, check it, install it into empty environments, and look at what a user gets.

Run by `make check`; not a pytest module, as it needs a package index. `--keep dist` keeps what was
built, for the release; `--tag v1.2.3` says which version it must be.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pulumi_zuora_backfill"

ALWAYS = """
import importlib.metadata, importlib.resources, json, sys
import pulumi_zuora_backfill as package
assert importlib.metadata.version("pulumi-zuora-backfill") == package.__version__
assert "requests" not in sys.modules, "the program process must not load an HTTP library"
files = importlib.resources.files(package)
assert json.loads((files / "pulumi-plugin.json").read_text()) == {"resource": False}
assert (files / "py.typed").is_file()
assert all(hasattr(package, name) for name in package.__all__)
"""

# What an environment with an extra can do; "" is the one without any.
INSTALLED = {
    "": """
import subprocess
module = [sys.executable, "-m", "pulumi_zuora_backfill"]
command = subprocess.run(module, capture_output=True, text=True)
assert (command.returncode, command.stdout) == (2, ""), command
assert "pip install 'pulumi-zuora-backfill[cli]'" in command.stderr, command
try:
    from pulumi_zuora_backfill.testing import Sandbox
except ImportError as error:
    assert "pulumi-zuora-backfill[testing]" in str(error), error
else:
    raise AssertionError("werkzeug came along without being asked for")
""",
    "testing": """
from pulumi_zuora_backfill.testing import EmbeddedStack, Sandbox
with Sandbox() as zuora:
    assert zuora.base_url.startswith("http://127.0.0.1:")
""",
    "cli": """
import subprocess
from pathlib import Path
command = [str(Path(sys.executable).parent / "zuora-backfill"), "--help"]
assert "Usage" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
""",
    "policy": f"""
sys.path.insert(0, {str(ROOT / "policy")!r})
from backfill_policies import POLICIES
assert "max-live-jobs" in [policy.name for policy in POLICIES]
""",
}


def build(folder: Path) -> tuple[Path, Path]:
    """Build the source distribution, and the wheel out of it; return both."""
    run("-m", "build", "--outdir", str(folder), str(ROOT), quiet=True)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    run("-m", "twine", "check", "--strict", str(wheel), str(source))
    return wheel, source


def strangers(wheel: Path, source: Path) -> list[str]:
    """Name the files that nobody who installs the package needs."""
    names = zipfile.ZipFile(wheel).namelist()
    found = [n for n in names if not re.match(rf"{PACKAGE}(-[\w.]+\.dist-info)?/", n)]
    with tarfile.open(source) as archive:
        inside = [name.partition("/")[2] for name in archive.getnames()]
    files = ("README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO", "pyproject.toml", ".gitignore")
    return [*found, *(n for n in inside if n not in files and not n.startswith(f"{PACKAGE}/"))]


def extras_of(wheel: Path) -> list[str]:
    """Return the extras that the wheel's metadata names."""
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(archive.read(name).decode())
    return list(metadata.get_all("Provides-Extra") or ())


def install(wheel: Path, extra: str, folder: Path) -> str:
    """Install the wheel with an extra into an empty environment, try what it is for, and say so."""
    environment = folder / f"venv-{extra}"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    what = f"{wheel}[{extra}]" if extra else str(wheel)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", what], check=True)
    subprocess.run([*pip, "check"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([python, "-c", ALWAYS + INSTALLED[extra]], check=True, cwd=folder)
    listed = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    size_mb = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file()) / 1e6
    title = f"{wheel.name}[{extra}]" if extra else wheel.name
    return f"installed: {title}, {len(listed.splitlines())} packages, {size_mb:.0f} MB"


def run(*arguments: str, quiet: bool = False) -> None:
    """Run a module of this environment."""
    subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL if quiet else None
    )


def main() -> None:
    """Build, check, look inside, and install it with each extra."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", help="the version must be this one, such as v1.2.3")
    parser.add_argument("--keep", type=Path, help="the folder to keep what was built in")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel, source = build(asked.keep or Path(folder) / "dist")
        if asked.tag and f"v{wheel.name.split('-')[1]}" != asked.tag:
            sys.exit(f"The tag is {asked.tag}, but {wheel.name} was built.")
        if found := strangers(wheel, source):
            sys.exit(f"What is published holds what does not belong there: {found}")
        extras = ["", *extras_of(wheel)]
        if untried := set(extras) - set(INSTALLED):
            sys.exit(f"Say in {Path(__file__).name} what an extra is for: {sorted(untried)}")
        with ThreadPoolExecutor() as pool:  # each waits for the package index most of the time
            for line in pool.map(lambda extra: install(wheel, extra, Path(folder)), extras):
                print(line)


if __name__ == "__main__":
    main()
