"""
Build the wheel, install it into an environment of its own, and look at what a user gets.

Run by `make check`; not a pytest module, as it needs a package index.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

INSTALLED = """
import importlib.metadata, importlib.resources, json, subprocess, sys
import pulumi_zuora_backfill as package
assert importlib.metadata.version("pulumi-zuora-backfill") == package.__version__
assert "requests" not in sys.modules, "the program process must not load an HTTP library"
files = importlib.resources.files(package)
assert json.loads((files / "pulumi-plugin.json").read_text()) == {"resource": False}
assert (files / "py.typed").is_file()
assert all(hasattr(package, name) for name in package.__all__)
try:
    from pulumi_zuora_backfill.testing import Sandbox
except ImportError as error:
    assert "pulumi-zuora-backfill[testing]" in str(error), error
else:
    raise AssertionError("werkzeug came along without being asked for")
command = subprocess.run([sys.executable, "-m", "pulumi_zuora_backfill"], capture_output=True, text=True)
assert (command.returncode, command.stdout) == (2, ""), command
assert "pip install 'pulumi-zuora-backfill[cli]'" in command.stderr, command
assert "zuora-backfill" in {script.name for script in importlib.metadata.entry_points(group="console_scripts")}
print("installed:", package.__version__)
"""


def main() -> None:
    """Build, look into the wheel, install it, import it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--outdir", folder, str(ROOT)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (wheel,) = Path(folder).glob("*.whl")
        names = zipfile.ZipFile(wheel).namelist()
        strangers = [
            name
            for name in names
            if not name.startswith(("pulumi_zuora_backfill", "zuora_backfill"))
        ]
        if strangers:
            sys.exit(f"The wheel holds what does not belong there: {strangers}")
        environment = Path(folder) / "venv"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel], check=True
        )
        subprocess.run([python, "-c", INSTALLED], check=True, cwd=folder)


if __name__ == "__main__":
    main()
