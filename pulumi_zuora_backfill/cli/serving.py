"""`sandbox`: the local Zuora of the tests, for trying the commands and a stack out."""

from __future__ import annotations

import click

from .exit_codes import ExitCode


def serve(port: int, job_duration_s: float) -> int:
    """Serve a local Zuora until Ctrl-C, after printing lines that a shell can eval."""
    try:
        from pulumi_zuora_backfill.testing.sandbox.__main__ import main
    except ImportError:
        click.echo(
            "The sandbox needs Werkzeug: pip install 'pulumi-zuora-backfill[cli,testing]'", err=True
        )
        return ExitCode.USAGE
    return main(["--port", str(port), "--job-duration", str(job_duration_s)])
