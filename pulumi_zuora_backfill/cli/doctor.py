"""
`doctor`: each setting and each step to Zuora, right or wrong, and what to do next.

It asks for a token and lists the jobs, with the provider's own client. It changes nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from requests.exceptions import RequestException, SSLError
from rich.text import Text

from pulumi_zuora_backfill.errors import (
    ApiError,
    ConfigurationError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.properties import camel
from pulumi_zuora_backfill.settings.loading import NAMES, Settings, how_to_set
from pulumi_zuora_backfill.zuora.models import duration

from .exit_codes import ExitCode
from .failures import code_of
from .tenant_access import ENVIRONMENT_ONLY, Tenant, connect_to, read_settings
from .terminal import console, print_json, say

PATIENCE_S: Final = 20.0  # a person waits; a deployment has minutes
LARGEST_SKEW_S: Final = 60.0
NOT_CHECKED: Final = "not checked"
_REQUIRED: Final = ("base_url", "client_id", "client_secret")
_HIDDEN: Final = ("client_id", "client_secret")
_CHECK_ADDRESS: Final = "Check the base URL: something else than Zuora may answer there."
_MARKS: Final = {True: ("ok  ", "green"), False: ("FAIL", "red"), None: ("-   ", "dim")}


@dataclass(frozen=True, kw_only=True)
class Check:
    """
    One thing that was looked at.

    Attributes:
        name: What, such as ``baseUrl`` or ``token``.
        ok: Whether it is right; ``None`` if it was not, or could not be, checked.
        found: What was found; never a secret.
        source: Where a setting comes from.
        next_step: What to do if it is wrong.
        exit_code: What a wrong one means for the exit code.
    """

    name: str
    ok: bool | None
    found: str
    source: str = ""
    next_step: str = ""
    exit_code: ExitCode = ExitCode.ERROR

    def to_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "name": self.name,
            "ok": self.ok,
            "found": self.found,
            "source": self.source,
            "nextStep": self.next_step,
        }


def examine(stack: str | None, *, as_json: bool) -> ExitCode:
    """Print each check as it is made; the first wrong one decides on the exit code."""
    if stack is None and not as_json:
        say(ENVIRONMENT_ONLY)
    checks, out = [], console()
    for check in _all_checks(stack):
        checks.append(check)
        if not as_json:
            for line in lines_of(check):
                out.print(line)
    wrong = [check for check in checks if check.ok is False]
    if as_json:
        print_json({"ok": not wrong, "checks": [check.to_json() for check in checks]})
    else:
        say(f"Failed checks: {len(wrong)}.")
    return wrong[0].exit_code if wrong else ExitCode.OK


def lines_of(check: Check) -> Iterator[Text]:
    """Write a check as a person reads it."""
    mark, style = _MARKS[check.ok]
    source = f"  ({check.source})" if check.source else ""
    first, *more = check.found.splitlines() or [""]
    yield Text.assemble((mark, style), f"  {check.name:<17} {first}", (source, "dim"))
    for line in [*more, *check.next_step.splitlines()]:
        yield Text(f"      {'':<17} {line}")


def settings_checks(settings: Settings) -> Iterator[Check]:
    """Check every setting, and what looks like one. Pure."""
    left = list(settings.faults)
    for name, names in NAMES.items():
        faults = [fault for fault in left if fault.startswith(tuple(f"{own} " for own in names))]
        left = [fault for fault in left if fault not in faults]
        yield _setting_check(settings, name, faults)
    for fault in left:
        yield Check(name=fault.split()[0], ok=False, found=fault, exit_code=ExitCode.USAGE)


def way_checks(tenant: Tenant, error: ZuoraBackfillError | None) -> Iterator[Check]:
    """
    Check address, TLS, token, tenant and clock by what became of the request for a token.

    Args:
        tenant: Where it was asked for.
        error: Why none came, or why it is not the right one; ``None`` for a good one.
    """
    client = tenant.client
    heard = error is None or client.zuora_now() is not None
    heard = heard or isinstance(error, ApiError | ConfigurationError)
    broken_tls = not heard and _is_about_tls(error)
    yield _step("address", None if heard or broken_tls else error, client.base_url)
    if client.base_url.startswith("http://"):
        yield Check(name="TLS", ok=None, found="not used: http on this machine")
    elif not (heard or broken_tls):
        yield Check(name="TLS", ok=None, found=NOT_CHECKED)
    else:
        yield _step("TLS", error if broken_tls else None, "the certificate is accepted")
    if not heard:
        for name in ("token", "tenant", "clock"):
            yield Check(name=name, ok=None, found=NOT_CHECKED)
        return
    has_token = error is None or isinstance(error, ConfigurationError)
    yield _step("token", None if has_token else error, "Zuora accepts the client id and secret")
    if has_token:
        yield _step("tenant", error, "" if error else client.tenant_id())
    else:
        yield Check(name="tenant", ok=None, found=NOT_CHECKED)
    yield clock_check(tenant.clock.now(), client.zuora_now())


def clock_check(here: datetime, there: datetime | None) -> Check:
    """Compare this machine's clock with Zuora's. Pure."""
    if there is None:
        return Check(name="clock", ok=None, found="Zuora's answers have no date")
    ahead_s = (here - there).total_seconds()
    if abs(ahead_s) <= LARGEST_SKEW_S:
        return Check(name="clock", ok=True, found="agrees with Zuora's")
    return Check(
        name="clock",
        ok=False,
        found=f"{duration(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} Zuora's",
        next_step="Set this machine's clock: certificates and the time of a lost answer need it.",
    )


def permission_check(tenant: Tenant) -> Check:
    """See whether the API user may list the jobs; nobody can ask whether it may start one."""
    try:
        jobs = tenant.client.list(tenant.scope, within_s=PATIENCE_S)
    except ZuoraBackfillError as error:
        return _step("permission", error, "")
    return Check(
        name="permission",
        ok=True,
        found=f"may list the backfill jobs ({len(jobs)}).\n"
        "Only a start shows whether it may start one: Zuora has no way to ask.",
    )


def _all_checks(stack: str | None) -> Iterator[Check]:
    settings = read_settings(stack)
    usable = True
    for check in settings_checks(settings):
        usable = usable and check.ok is not False
        yield check
    if not usable:
        for name in ("address", "TLS", "token", "tenant", "clock", "permission"):
            yield Check(name=name, ok=None, found=NOT_CHECKED)
        return
    tenant, error = connect_to(settings, say), None
    try:
        tenant.client.tenant_id(within_s=PATIENCE_S)
    except ZuoraBackfillError as fault:
        error = fault
    yield from way_checks(tenant, error)
    if error is None:
        yield permission_check(tenant)
    else:
        yield Check(name="permission", ok=None, found=NOT_CHECKED)


def _setting_check(settings: Settings, name: str, faults: list[str]) -> Check:
    shown, source = camel(name), settings.sources.get(name, "")
    if faults:
        told = "\n".join(faults)
        way = "" if ": " in told else how_to_set(name)  # most faults say it themselves
        return Check(name=shown, ok=False, found=told, next_step=way, exit_code=ExitCode.USAGE)
    if not source and name in _REQUIRED:
        way = how_to_set(name)
        return Check(
            name=shown, ok=False, found="is missing", next_step=way, exit_code=ExitCode.USAGE
        )
    if name in _HIDDEN:
        return Check(name=shown, ok=True, found="set, not shown", source=source)
    value = getattr(settings, f"{name}_s" if name.endswith("timeout") else name)
    return Check(name=shown, ok=True, found=_shown(value), source=source or "default")


def _shown(value: str | float | bool | tuple[str, ...] | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return duration(value)
    return (", ".join(value) if isinstance(value, tuple) else value) or "not set"


def _step(name: str, error: ZuoraBackfillError | None, found: str) -> Check:
    """Tell of one step on the way to Zuora."""
    if error is None:
        return Check(name=name, ok=True, found=found)
    return Check(
        name=name,
        ok=False,
        found=error.message,
        next_step=error.hint or _CHECK_ADDRESS,
        exit_code=code_of(error),
    )


def _is_about_tls(error: ZuoraBackfillError | None) -> bool:
    """Tell whether the address was there, and only the encryption failed."""
    reason = error.__cause__ if error else None
    ca_bundle = isinstance(reason, OSError) and not isinstance(reason, RequestException)
    return isinstance(reason, SSLError | ssl.SSLError) or ca_bundle
