"""Settings: where each comes from, what is wrong with them, and that reading them never fails."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.errors import ConfigurationError
from pulumi_zuora_backfill.settings.loading import NAMES, Settings, load_settings
from pulumi_zuora_backfill.settings.parsing import duration_s
from pulumi_zuora_backfill.zuora.base_url import base_url_of, is_loopback
from pulumi_zuora_backfill.zuora.models import Scope

SECRET = "s3cr3t-with-=/+"
GOOD = {
    "ZUORA_BASE_URL": "https://rest.zuora.com",
    "ZUORA_CLIENT_ID": "id",
    "ZUORA_CLIENT_SECRET": SECRET,
}
STACK = {
    "zuora:baseUrl": "https://rest.zuora.com",
    "zuora:clientId": "sid",
    "zuora:clientSecret": "stack-secret",
}


def load(environ: dict[str, str], stack: dict[str, str] | None = None) -> Settings:
    """Read settings from two dictionaries."""
    return load_settings(environ, (stack or {}).get)


def test_nothing_set_is_an_error_only_when_zuora_is_needed() -> None:
    """One error names all that is missing, and how to set it in both places."""
    settings = load({})
    assert settings == Settings()
    with pytest.raises(ConfigurationError) as error:
        settings.require()
    assert error.value.message == (
        "Zuora's settings are not usable:\n  "
        "ZUORA_BASE_URL is missing: export ZUORA_BASE_URL=… or run `pulumi config set "
        "zuora:baseUrl …`\n  "
        "ZUORA_CLIENT_ID is missing: export ZUORA_CLIENT_ID=… or run `pulumi config set "
        "zuora:clientId …`\n  "
        "ZUORA_CLIENT_SECRET is missing: export ZUORA_CLIENT_SECRET=… or run `pulumi config set "
        "--secret zuora:clientSecret …`"
    )


def test_everything_from_the_environment() -> None:
    """Every setting is read from its variable, brought into form, and knows where it came from."""
    environ = GOOD | {
        "ZUORA_ENTITY_IDS": " e-1 ",
        "ZUORA_ORG_IDS": "b, a,b,",
        "ZUORA_TENANT_ID": "tenant.42",
        "ZUORA_API_VERSION": "2024-05-20",
        "ZUORA_CALL_TIMEOUT": "5m",
        "ZUORA_WAIT_TIMEOUT": "2h",
        "ZUORA_COMPRESS_REQUESTS": "True",
    }
    settings = load(environ)
    assert settings == Settings(
        base_url="https://rest.zuora.com",
        client_id="id",
        client_secret=SECRET,
        entity_id="e-1",
        org_ids=("a", "b"),
        tenant_id="42",
        api_version="2024-05-20",
        call_timeout_s=300.0,
        wait_timeout_s=7200.0,
        compress_requests=True,
        sources={name: variable for name, (variable, _) in NAMES.items()},
    )
    assert settings.require() == ("https://rest.zuora.com", "id", SECRET)


def test_everything_from_the_stack() -> None:
    """Without the environment, the stack's configuration counts."""
    settings = load({"ZUORA_BASE_URL": "  "}, STACK)
    assert settings.require() == ("https://rest.zuora.com", "sid", "stack-secret")
    assert settings.sources == {
        name: NAMES[name][1] for name in ("base_url", "client_id", "client_secret")
    }


def test_credentials_of_the_environment_win() -> None:
    """A rotated secret reaches a stack whose configuration holds the old one."""
    assert load(GOOD, STACK).require() == ("https://rest.zuora.com", "id", SECRET)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("ZUORA_CLIENT_ID", "ZUORA_CLIENT_ID and zuora:clientSecret"),
        ("ZUORA_CLIENT_SECRET", "zuora:clientId and ZUORA_CLIENT_SECRET"),
    ],
)
def test_credentials_come_from_one_place(name: str, places: str) -> None:
    """Half a pair from the environment and half from the stack is refused.

    Both are named as they were set.
    """
    settings = load(
        {"ZUORA_BASE_URL": "https://z.example", name: "x"},
        {k: v for k, v in STACK.items() if "base" not in k},
    )
    with pytest.raises(ConfigurationError) as error:
        settings.require()
    assert error.value.message == (
        "Zuora's settings are not usable:\n"
        f"  {places} may belong to two clients: set both in the environment, or both in the "
        "stack's configuration"
    )


@pytest.mark.parametrize(
    ("variable", "here", "key", "there"),
    [
        (
            "ZUORA_BASE_URL",
            "https://rest.zuora.com",
            "zuora:baseUrl",
            "https://rest.test.zuora.com",
        ),
        ("ZUORA_TENANT_ID", "1", "zuora:tenantId", "2"),
        ("ZUORA_ENTITY_IDS", "e", "zuora:entityIds", "f"),
        ("ZUORA_ORG_IDS", "a", "zuora:orgIds", "a,b"),
    ],
)
def test_where_it_goes_must_be_said_once(variable: str, here: str, key: str, there: str) -> None:
    """Two values for the place of the backfill are an error, not a choice."""
    settings = load({variable: here}, {key: there})
    assert settings.faults == (
        f"{variable} is {here!r} but {key} is {there!r}: remove one of them",
    )


@pytest.mark.parametrize(
    ("variable", "here", "key", "there"),
    [
        (
            "ZUORA_BASE_URL",
            "HTTPS://Rest.Zuora.com:443/",
            "zuora:baseUrl",
            "https://rest.zuora.com",
        ),
        ("ZUORA_TENANT_ID", "tenant.7", "zuora:tenantId", "7"),
        ("ZUORA_ORG_IDS", "b,a", "zuora:orgIds", "a, b"),
        ("ZUORA_API_VERSION", "2024-05-20", "zuora:apiVersion", "2025-08-12"),
    ],
)
def test_the_same_place_in_other_words_is_no_contradiction(
    variable: str, here: str, key: str, there: str
) -> None:
    """Values are compared in their one form.

    Settings that name no place may differ, and the environment wins.
    """
    assert load({variable: here}, {key: there}).faults == ()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://rest.zuora.com", "https://rest.zuora.com"),
        ("HTTPS://REST.Zuora.COM:443/", "https://rest.zuora.com"),
        ("https://rest.zuora.com:8443", "https://rest.zuora.com:8443"),
        ("http://localhost:80/", "http://localhost"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
    ],
)
def test_a_base_url_has_one_form(text: str, url: str) -> None:
    """Whatever its spelling, as keys and state compare it; and that form is its own form."""
    assert base_url_of(text) == base_url_of(url) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://rest.zuora.com", "plain http is refused"),
        ("http://10.0.0.1", "plain http is refused"),
        ("http://localhost.evil.example", "plain http is refused"),
        ("http://127.0.0.1.evil.example", "plain http is refused"),
        ("ftp://rest.zuora.com", "not a URL like"),
        ("rest.zuora.com", "not a URL like"),
        ("https://", "not a URL like"),
        ("https://rest.zuora.com\r\nX: y", "is not a URL"),
        ("https://exa mple", "not a URL like"),
        ("https://rest.zuora.com/v1", "scheme and host only"),
        ("https://rest.zuora.com?x", "scheme and host only"),
        ("https://rest.zuora.com#x", "scheme and host only"),
        ("https://rest.zuora.com:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://me:hunter2@rest.zuora.com", "must not hold a user name or a password"),
        ("me:hunter2@rest.zuora.com", "must not hold a user name or a password"),
    ],
)
def test_a_wrong_base_url_is_a_fault(text: str, reason: str) -> None:
    """It is refused with the reason, and without a password in it.

    So it is where the stack says something else.
    """
    settings = load({"ZUORA_BASE_URL": text}, {"zuora:baseUrl": "https://rest.zuora.com"})
    [fault] = settings.faults
    assert reason in fault
    assert fault.startswith("ZUORA_BASE_URL ")
    assert "hunter2" not in fault
    assert settings.base_url is None


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"ZUORA_ENTITY_IDS": "a,b"}, "exactly one entity"),
        ({"ZUORA_ENTITY_IDS": "a\r\nX: y"}, "only visible ASCII"),
        ({"ZUORA_ORG_IDS": "a,b c"}, "only visible ASCII"),
        ({"ZUORA_TENANT_ID": "acme"}, "not a tenant number"),
        ({"ZUORA_API_VERSION": "é"}, "only visible ASCII"),
        ({"ZUORA_CALL_TIMEOUT": "soon"}, "not a duration above zero"),
        ({"ZUORA_COMPRESS_REQUESTS": "yes"}, "not true or false"),
    ],
)
def test_a_malformed_setting_is_a_fault(environ: dict[str, str], fault: str) -> None:
    """It is named as it was set, keeps its default, and stops everything that needs Zuora."""
    settings = load(GOOD | environ)
    [said] = settings.faults
    assert fault in said
    assert said.startswith(next(iter(environ)))
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        settings.require()


ORGANISATIONS = "write the ids without quotes, brackets or braces, and separate them by commas: a,b"
ENTITY = "a backfill runs in exactly one entity; write its id without quotes, brackets or braces"


@pytest.mark.parametrize("text", ['["a","b"]', "[a, b]", "'a','b'", '"a"', "{a}", "a]"])
@pytest.mark.parametrize(("place", "how"), [("orgIds", ORGANISATIONS), ("entityIds", ENTITY)])
def test_a_list_in_json_or_yaml_is_a_fault(text: str, place: str, how: str) -> None:
    """Pulumi hands a list of its YAML over as a text, which would be sent as it is.

    It is refused, saying where it was set and how to write it.
    """
    variable, key = f"ZUORA_{place.removesuffix('Ids').upper()}_IDS", f"zuora:{place}"
    here, there = load({variable: text}), load({}, {key: text})

    assert here == Settings(faults=(f"{variable} is {text!r}: {how}",), sources=here.sources)
    assert there == Settings(faults=(f"{key} is {text!r}: {how}",), sources=there.sources)


def test_a_misspelt_key_is_a_fault() -> None:
    """A key in the namespace that is almost one of ours is refused and corrected.

    Other keys, and other namespaces, are nobody's business.
    """
    misspelt = ["zuora:tenantID", "zuora:baseurl", "zuora:orgs", "zuora:call_timeout"]
    others = ["zuora:reason", "acme:tenantID", "tenantID", "zuora:tenantId"]
    settings = load_settings(GOOD, {}.get, [*misspelt, *others])

    assert settings.faults == (
        "zuora:baseurl is not a setting: set zuora:baseUrl instead, and run `pulumi config rm "
        "zuora:baseurl`",
        "zuora:call_timeout is not a setting: set zuora:callTimeout instead, and run `pulumi "
        "config rm zuora:call_timeout`",
        "zuora:orgs is not a setting: set zuora:orgIds instead, and run `pulumi config rm "
        "zuora:orgs`",
        "zuora:tenantID is not a setting: set zuora:tenantId instead, and run `pulumi config rm "
        "zuora:tenantID`",
    )
    assert load_settings(GOOD, {}.get, others).faults == ()


def test_names_that_never_take_effect_are_faults() -> None:
    """Pulumi reserves `version`; who sets the old names learns the new ones, from either source."""
    by_key = (
        "zuora:version is a name that Pulumi reserves: set zuora:apiVersion instead, "
        "and run `pulumi config rm zuora:version`"
    )
    by_variable = "ZUORA_VERSION is not a setting: set ZUORA_API_VERSION instead, or unset it"
    assert load(GOOD, {"zuora:version": "2024-05-20"}).faults == (by_key,)
    assert load_settings(GOOD, {}.get, ["zuora:version"]).faults == (by_key,)
    assert load(GOOD | {"ZUORA_VERSION": "1"}, {"zuora:version": "1"}).faults == (
        by_key,
        by_variable,
    )
    assert load(GOOD | {"ZUORA_VERSION": " "}).faults == ()


def test_the_singular_of_a_variable_is_a_fault_where_the_right_one_is_not_set() -> None:
    """With `ZUORA_ENTITY_ID` a job would run in the default entity.

    Other variables may be other tools', and those beside the right one change nothing.
    """
    singular = {
        "ZUORA_ENTITY_ID": "e-1",
        "ZUORA_ORG_ID": "o-1",
        "ZUORA_TENANT": "42",
        "ZUORA_VERSION_ID": "1",
    }

    assert load(GOOD | singular).faults == (
        "ZUORA_ENTITY_ID is not a setting: set ZUORA_ENTITY_IDS instead, or unset it",
        "ZUORA_ORG_ID is not a setting: set ZUORA_ORG_IDS instead, or unset it",
    )
    assert load(GOOD | singular | {"ZUORA_ORG_IDS": "o-1"}, {"zuora:entityIds": "e-1"}).faults == ()
    assert load(GOOD | {"ZUORA_ENTITY_ID": " "}).faults == ()


def test_a_secret_is_never_shown() -> None:
    """Neither the settings nor the fault of a broken secret hold it."""
    assert SECRET not in repr(load(GOOD))
    [fault] = load(GOOD | {"ZUORA_CLIENT_SECRET": "two words"}).faults
    assert (
        fault
        == "ZUORA_CLIENT_SECRET contains a space or another character that no credential has: copy "
        "it again"
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5 m", 90), ("2h", 7200), ("0.5", 0.5)]
)
def test_durations(text: str, seconds: float) -> None:
    """Seconds, or a number with its unit."""
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "1d", "1e3", "inf", "nan", "5 minutes"])
def test_what_is_no_duration(text: str) -> None:
    """It has to be a number above zero in a unit that is known."""
    with pytest.raises(ValueError, match="not a duration above zero"):
        duration_s(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("zuora.com", False),
        ("", False),
    ],
)
def test_what_is_this_machine(host: str, loopback: bool) -> None:
    """Only names and addresses that can lead nowhere else."""
    assert is_loopback(host) is loopback


def test_a_resource_s_own_scope_comes_first() -> None:
    """What it does not name comes from the configuration."""
    settings = load(GOOD | {"ZUORA_ENTITY_IDS": "e", "ZUORA_ORG_IDS": "b,a"})
    assert (
        settings.scope == settings.scope_for(None, ()) == Scope(entity_id="e", org_ids=("a", "b"))
    )
    assert settings.scope_for("f", ("c",)) == Scope(entity_id="f", org_ids=("c",))


@given(
    st.dictionaries(
        st.sampled_from([variable for variable, _ in NAMES.values()]), st.text(max_size=30)
    ),
    st.data(),
)
def test_reading_never_fails(environ: dict[str, str], data: Any) -> None:
    """A preview works with whatever stands in the environment and in the stack."""
    stack = data.draw(
        st.dictionaries(st.sampled_from([key for _, key in NAMES.values()]), st.text(max_size=30))
    )
    settings = load(environ, stack)
    assert set(settings.sources) <= set(NAMES)
