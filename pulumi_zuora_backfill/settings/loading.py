"""
Where Zuora is and who we are there: the environment first, then the stack's configuration.

Reading never fails: what is wrong is collected. What is missing becomes an error when Zuora is
needed for the first time, so a preview works without any settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, TypeVar

from pulumi_zuora_backfill.errors import ConfigurationError
from pulumi_zuora_backfill.zuora.base_url import base_url_of
from pulumi_zuora_backfill.zuora.models import Scope

from .parsing import (
    credential_of,
    duration_s,
    entity_id_of,
    flag_of,
    header_value_of,
    org_ids_of,
    tenant_id_of,
)

DEFAULT_VERSION: Final = (
    "2025-08-12"  # the version whose reference documentation this package follows
)
DEFAULT_CALL_TIMEOUT_S: Final = 300.0

# setting → (environment variable, stack configuration key)
NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "base_url": ("ZUORA_BASE_URL", "zuora:baseUrl"),
    "client_id": ("ZUORA_CLIENT_ID", "zuora:clientId"),
    "client_secret": ("ZUORA_CLIENT_SECRET", "zuora:clientSecret"),
    "entity_id": ("ZUORA_ENTITY_IDS", "zuora:entityIds"),
    "org_ids": ("ZUORA_ORG_IDS", "zuora:orgIds"),
    "tenant_id": ("ZUORA_TENANT_ID", "zuora:tenantId"),
    "api_version": ("ZUORA_API_VERSION", "zuora:apiVersion"),
    "call_timeout": ("ZUORA_CALL_TIMEOUT", "zuora:callTimeout"),
    "wait_timeout": ("ZUORA_WAIT_TIMEOUT", "zuora:waitTimeout"),
    "compress_requests": ("ZUORA_COMPRESS_REQUESTS", "zuora:compressRequests"),
}
T = TypeVar("T")
D = TypeVar("D")

# Names that never take effect → what to set instead, and why.
_NO_MORE: Final = {
    "zuora:version": "zuora:version is a name that Pulumi reserves: set zuora:apiVersion instead, "
    "and run `pulumi config rm zuora:version`",
    "ZUORA_VERSION": "ZUORA_VERSION is not a setting: set ZUORA_API_VERSION instead, or unset it",
}
_MUST_AGREE = ("base_url", "tenant_id", "entity_id", "org_ids")
_ALMOST = 0.8  # as difflib counts: zuora:orgs and zuora:tenant are


@dataclass(frozen=True, kw_only=True)
class Settings:
    """
    The settings in force.

    Attributes:
        base_url: Such as ``https://rest.test.zuora.com``. There is no default: a guess could write
            to production.
        client_id: Of the OAuth client.
        client_secret: Of the OAuth client; never shown.
        entity_id: ``Zuora-Entity-Ids`` for resources that name none.
        org_ids: ``Zuora-Org-Ids`` for resources that name none, sorted.
        tenant_id: The tenant that the token must belong to, or ``None`` for any.
        api_version: ``Zuora-Version``; default ``2025-08-12``.
        call_timeout_s: How long one call is tried in all, retries included; default 300.
        wait_timeout_s: The longest that any wait of a run may take, or ``None``.
        compress_requests: Whether request bodies are gzipped; default no.
        sources: For each setting that is set, where it came from.
        faults: What is wrong with them.
    """

    base_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    entity_id: str | None = None
    org_ids: tuple[str, ...] = ()
    tenant_id: str | None = None
    api_version: str = DEFAULT_VERSION
    call_timeout_s: float = DEFAULT_CALL_TIMEOUT_S
    wait_timeout_s: float | None = None
    compress_requests: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """The entity and the organisations from configuration."""
        return Scope(entity_id=self.entity_id, org_ids=self.org_ids)

    def scope_for(self, entity_id: str | None, org_ids: tuple[str, ...]) -> Scope:
        """Return what is in force for a resource: its own values, then the configuration's."""
        return Scope(entity_id=entity_id or self.entity_id, org_ids=org_ids or self.org_ids)

    def require(self) -> tuple[str, str, str]:
        """
        Return base URL, client id and client secret, once Zuora is needed.

        Raises:
            ConfigurationError: Something is missing, malformed or contradictory; all in one error.
        """
        missing = [
            f"{NAMES[name][0]} is missing: {how_to_set(name)}"
            for name in ("base_url", "client_id", "client_secret")
            if name not in self.sources
        ]
        faults = [*self.faults, *missing]
        if faults or self.base_url is None or self.client_id is None or self.client_secret is None:
            late = (
                "\nFor `destroy` and `refresh` use export: they see new stack configuration only "
                "after the next `up`."
                if missing
                else ""
            )
            raise ConfigurationError(
                "Zuora's settings are not usable:\n  " + "\n  ".join(faults),
                "Nothing was sent to Zuora." + late,
            )
        return self.base_url, self.client_id, self.client_secret


def how_to_set(name: str) -> str:
    """Name both ways to set a setting."""
    variable, key = NAMES[name]
    secret = "--secret " if name == "client_secret" else ""
    return f"export {variable}=… or run `pulumi config set {secret}{key} …`"


def load_settings(
    environ: Mapping[str, str],
    stack_config: Callable[[str], str | None],
    stack_keys: Iterable[str] = (),
) -> Settings:
    """
    Read all settings.

    Args:
        environ: The process environment.
        stack_config: Looks a full key such as ``zuora:baseUrl`` up in the stack's configuration.
        stack_keys: All full keys of the stack's configuration, as far as they are known: misspelt
            ones are faults.
    """
    found = _Found(environ, stack_config)
    return Settings(
        base_url=found.parsed("base_url", base_url_of, None),
        client_id=found.parsed("client_id", credential_of, None),
        client_secret=found.parsed("client_secret", credential_of, None),
        entity_id=found.parsed("entity_id", entity_id_of, None),
        org_ids=found.parsed("org_ids", org_ids_of, ()),
        tenant_id=found.parsed("tenant_id", tenant_id_of, None),
        api_version=found.parsed("api_version", header_value_of, DEFAULT_VERSION),
        call_timeout_s=found.parsed("call_timeout", duration_s, DEFAULT_CALL_TIMEOUT_S),
        wait_timeout_s=found.parsed("wait_timeout", duration_s, None),
        compress_requests=found.parsed("compress_requests", flag_of, False),
        sources=found.sources,
        faults=(
            *found.faults,
            *_no_more(environ, stack_config, stack_keys),
            *_singular(environ, found.sources),
            *_misspelt(stack_keys),
        ),
    )


def _no_more(
    environ: Mapping[str, str],
    stack_config: Callable[[str], str | None],
    stack_keys: Iterable[str],
) -> list[str]:
    """Find names that were settings once, or look like one, and never take effect."""
    stack = [key for key in _NO_MORE if ":" in key and (key in stack_keys or stack_config(key))]
    return [
        fault
        for name, fault in _NO_MORE.items()
        if name in stack or (environ.get(name) or "").strip()
    ]


def _singular(environ: Mapping[str, str], sources: Mapping[str, str]) -> list[str]:
    """Find ``ZUORA_ENTITY_ID`` and ``ZUORA_ORG_ID``: a job would run in the default entity."""
    return [
        f"{variable.removesuffix('S')} is not a setting: set {variable} instead, or unset it"
        for name in ("entity_id", "org_ids")
        if name not in sources
        and (environ.get((variable := NAMES[name][0]).removesuffix("S")) or "").strip()
    ]


def _misspelt(stack_keys: Iterable[str]) -> list[str]:
    """Find keys that are almost ours: with ``zuora:tenantID``, no tenant would be refused."""
    ours = {key.lower(): key for _, key in NAMES.values()}
    faults = []
    for given in sorted(set(stack_keys) - set(ours.values()) - set(_NO_MORE)):
        namespace, _, name = given.partition(":")
        near = get_close_matches(
            name.lower(), [key.removeprefix("zuora:") for key in ours], n=1, cutoff=_ALMOST
        )
        if namespace == "zuora" and near:
            meant = ours[f"zuora:{near[0]}"]
            faults.append(
                f"{given} is not a setting: set {meant} instead, and run `pulumi config rm {given}`"
            )
    return faults


class _Found:
    """The raw texts, where each came from, and what is wrong with them."""

    def __init__(
        self, environ: Mapping[str, str], stack_config: Callable[[str], str | None]
    ) -> None:
        self.texts: dict[str, list[tuple[str, str]]] = {}  # with the source; what counts first
        self.sources: dict[str, str] = {}
        self.faults: list[str] = []
        for name, (variable, key) in NAMES.items():
            found = [
                ((environ.get(variable) or "").strip(), variable),
                ((stack_config(key) or "").strip(), key),
            ]
            texts = [(text, source) for text, source in found if text]
            if texts:
                self.texts[name] = texts if name in _MUST_AGREE else texts[:1]
                self.sources[name] = texts[0][1]
        id_source, secret_source = self.sources.get("client_id"), self.sources.get("client_secret")
        if id_source and secret_source and (":" in id_source) != (":" in secret_source):
            self.faults.append(
                f"{id_source} and {secret_source} may belong to two clients: set both in the "
                "environment, or both in the stack's configuration"
            )

    def parsed(self, name: str, parse: Callable[[str], T], default: D) -> T | D:
        values: list[T] = []
        texts = self.texts.get(name, [])
        for text, source in texts:
            try:
                values.append(parse(text))
            except ValueError as error:
                self.faults.append(f"{source} {error}")
                return default
        if any(value != values[0] for value in values):
            (here, variable), (there, key) = texts
            self.faults.append(f"{variable} is {here!r} but {key} is {there!r}: remove one of them")
        return values[0] if values else default
