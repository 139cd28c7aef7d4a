"""Print a `Stack` of the Pulumi Kubernetes Operator for each row: `python manifests.py --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from tenants import Row, TableError, load

PROJECT: Final = Path(__file__).resolve().parent / "Pulumi.yaml"
_KEYS: Final = {"ZUORA_CLIENT_ID": "clientId", "ZUORA_CLIENT_SECRET": "clientSecret"}


def manifest(row: Row, source: Mapping[str, Any], namespace: str, project: str) -> dict[str, Any]:
    """
    Return the `Stack` of a row.

    Its credentials are in the Secret `zuora-<stack>`, the state's passphrase in `pulumi-state`.

    Args:
        row: The row.
        source: Where state and program are: `backend`, `projectRepo`, `branch`, `repoDir`.
        namespace: Of the Stack and of the Secrets.
        project: The name of the Pulumi project.
    """
    secrets = {name: (f"zuora-{row.stack}", key) for name, key in _KEYS.items()}
    secrets["PULUMI_CONFIG_PASSPHRASE"] = ("pulumi-state", "passphrase")
    return {
        "apiVersion": "pulumi.com/v1",
        "kind": "Stack",
        "metadata": {"name": row.stack, "namespace": namespace},
        "spec": {
            "stack": f"organization/{project}/{row.stack}",
            **source,
            "shallow": True,
            "serviceAccountName": "zuora-backfill",
            "envRefs": {
                **{
                    name: {"type": "Literal", "literal": {"value": value}}
                    for name, value in row.settings.items()
                },
                **{
                    name: {"type": "Secret", "secret": {"name": secret, "key": key}}
                    for name, (secret, key) in secrets.items()
                },
            },
            "refresh": False,
            "destroyOnFinalize": False,  # to delete the manifest is not to destroy the stack
            "continueResyncOnCommitMatch": False,  # one `up` for each commit
            "resyncFrequencySeconds": 300,
            "workspaceReclaimPolicy": "Delete",  # a pod only while there is something to do
            "workspaceTemplate": {"spec": _workspace()},
        },
    }


def _workspace() -> dict[str, Any]:
    """Return the pod: not root, and with time for an `up` that is in flight to end."""
    return {
        "image": "pulumi/pulumi:3.260.0-nonroot",
        "securityProfile": "restricted",
        "resources": {
            "requests": {"cpu": "500m", "memory": "512Mi"},
            "limits": {"memory": "1Gi"},
        },
        "podTemplate": {
            "spec": {"terminationGracePeriodSeconds": 600, "containers": [{"name": "pulumi"}]}
        },
    }


def project_name(project: Mapping[str, Any]) -> str:
    """
    Return the name of the project, if the operator can run it.

    Raises:
        TableError: The project names no virtual environment.
    """
    runtime = project["runtime"]
    options = runtime.get("options", {}) if isinstance(runtime, dict) else {}
    if not options.get("virtualenv"):
        raise TableError(
            "The operator runs `pulumi install`, so Pulumi.yaml must name a virtual environment:\n"
            "  runtime: {name: python, options: {toolchain: pip, virtualenv: venv}}"
        )
    return str(project["name"])


def main() -> None:
    """Print the manifests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", required=True, help="such as s3://my-state?region=eu-west-1")
    parser.add_argument("--repo", required=True, help="such as https://github.com/acme/infra")
    parser.add_argument("--branch", default="main")
    parser.add_argument("--repo-dir", default="fleet", help="where in it the program is")
    parser.add_argument("--namespace", default="zuora")
    options = parser.parse_args()
    source = {
        "backend": options.backend,
        "projectRepo": options.repo,
        "branch": options.branch,
        "repoDir": options.repo_dir,
    }
    try:
        name = project_name(yaml.safe_load(PROJECT.read_text(encoding="utf-8")))
        manifests = [manifest(row, source, options.namespace, name) for row in load()]
    except TableError as error:
        sys.exit(str(error))
    yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)


if __name__ == "__main__":
    main()
