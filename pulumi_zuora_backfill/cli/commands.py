"""
The surface: every command, option and help text. What a command does is in another module.

The work is imported when a command runs, so that help and completion answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import get_completion_class

from .exit_codes import ExitCode

PROGRAM = "zuora-backfill"
_COMPLETE_VARIABLE = "_ZUORA_BACKFILL_COMPLETE"
C = TypeVar("C", bound=Callable[..., Any])


def job_id(text: str) -> str:
    """Take a job id, or fail with what one looks like, before anything is sent."""
    from pulumi_zuora_backfill.zuora.models import JOB_ID_LENGTH, job_id_of
    from pulumi_zuora_backfill.zuora.texts import clean

    try:
        return job_id_of(text)
    except ValueError:
        raise click.BadParameter(
            f"{clean(text)!r} is not a job id: a job id has {JOB_ID_LENGTH} characters."
        ) from None


def duration(text: str) -> float:
    """Take a duration as Pulumi writes it, in seconds, or fail with what one looks like."""
    from pulumi_zuora_backfill.settings.parsing import duration_s

    try:
        return duration_s(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _options(*options: Callable[[C], C]) -> Callable[[C], C]:
    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_stack = click.option(
    "-s",
    "--stack",
    metavar="NAME",
    help="Read this stack's configuration too, by the pulumi CLI. The environment wins.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_max_errors = click.option(
    "--max-errors",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="How many failed records still count as success. Default: 0.",
)
_job_id = click.argument("job_id", type=job_id, metavar="ID")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pulumi-zuora-backfill", prog_name=PROGRAM)
def cli() -> None:
    """
    Look at the backfill jobs of a Zuora tenant, watch them, stop one.

    The settings are the provider's: ZUORA_BASE_URL, ZUORA_CLIENT_ID, ZUORA_CLIENT_SECRET and so on.
    No command starts a job.
    """


@cli.command("jobs")
@_options(_stack, _json)
def jobs(stack: str | None, as_json: bool) -> int:
    """List all backfill jobs of the tenant."""
    from .jobs import list_jobs

    return list_jobs(stack, as_json=as_json)


@cli.command("show")
@_options(
    _job_id,
    _stack,
    _json,
    click.option(
        "--exit-status",
        is_flag=True,
        help="Exit with 0 for COMPLETED, 4 for FAILED, STOPPED or failed records, 9 if it runs.",
    ),
    _max_errors,
)
def show(job_id: str, stack: str | None, as_json: bool, exit_status: bool, max_errors: int) -> int:
    """Show one job."""
    from .jobs import show_job

    return show_job(stack, job_id, as_json=as_json, exit_status=exit_status, max_errors=max_errors)


@cli.command("watch")
@_options(
    click.argument("job_ids", type=job_id, metavar="ID...", nargs=-1, required=True),
    _stack,
    click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each change."),
    click.option(
        "--timeout",
        "timeout_s",
        type=duration,
        help="How long, such as 30m. Default: ZUORA_WAIT_TIMEOUT, or until all have ended.",
    ),
    _max_errors,
)
def watch(
    job_ids: tuple[str, ...],
    stack: str | None,
    as_json: bool,
    timeout_s: float | None,
    max_errors: int,
) -> int:
    """Watch jobs until they have ended."""
    from .watch import watch_jobs

    return watch_jobs(
        stack,
        tuple(dict.fromkeys(job_ids)),
        timeout_s=timeout_s,
        max_errors=max_errors,
        as_json=as_json,
    )


@cli.command("stop")
@_options(
    _job_id,
    _stack,
    click.option("-y", "--yes", is_flag=True, help="Do not ask."),
    click.option(
        "--timeout",
        "timeout_s",
        type=duration,
        default="60s",
        help="How long to wait for its end. Default: 60s.",
    ),
)
def stop(job_id: str, stack: str | None, yes: bool, timeout_s: float) -> int:
    """Stop a job; what a live job has changed stays changed."""
    from .stop import stop_job

    return stop_job(stack, job_id, yes=yes, timeout_s=timeout_s)


@cli.command("doctor")
@_options(_stack, _json)
def doctor(stack: str | None, as_json: bool) -> int:
    """Check the settings and the way to Zuora."""
    from .doctor import examine

    return examine(stack, as_json=as_json)


@cli.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any free one.")
@click.option(
    "--job-duration",
    "job_duration_s",
    type=duration,
    default="10s",
    help="How long a job runs. Default: 10s.",
)
def sandbox(port: int, job_duration_s: float) -> int:
    """Run a local Zuora for trying out, until Ctrl-C."""
    from .serving import serve

    return serve(port, job_duration_s)


@cli.command("gen-completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def gen_completion(shell: str) -> int:
    """Print the completion script of a shell."""
    completion = get_completion_class(shell)
    if completion is not None:
        click.echo(completion(cli, {}, PROGRAM, _COMPLETE_VARIABLE).source())
    return ExitCode.OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is a text, and never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal may not know every character
    try:
        code = cli.main(
            arguments, prog_name=PROGRAM, complete_var=_COMPLETE_VARIABLE, standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return ExitCode.INTERRUPTED
    except Exception as error:
        from .failures import explain

        text, code = explain(error)
        click.echo(text, err=True)
    return code if isinstance(code, int) else ExitCode.OK
