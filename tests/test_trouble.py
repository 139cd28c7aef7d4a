"""What a user reads when something is wrong, on both engines.

One clean line, no secret, what to do next.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .world import World, assert_clean, flat, lines_with, told, urn


@pytest.fixture
def secret(zuora: Sandbox) -> str:
    """Return what must never be shown."""
    return zuora.client_secret


def errors_of(text: str) -> list[str]:
    """Return our error lines, without the engine's own summary."""
    return [f"error: {each}" for each in told(text)]


def test_missing_settings_name_both_ways_to_set_them(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """An up without settings says what is missing and how to set it, all at once."""
    world = World(engine, zuora, tmp_path, env={"ZUORA_CLIENT_ID": zuora.client_id})
    world.job()
    text = world.failing()

    assert errors_of(text) == [
        "error: Zuora's settings are not usable: "
        "ZUORA_BASE_URL is missing: export ZUORA_BASE_URL=… or run `pulumi config set "
        "zuora:baseUrl …` ZUORA_CLIENT_SECRET is missing: "
        "export ZUORA_CLIENT_SECRET=… or run `pulumi config set --secret zuora:clientSecret …` "
        "Nothing was sent to Zuora. For `destroy` and `refresh` use export: they see new stack "
        "configuration only after the next `up`."
    ]
    assert_clean(text)
    assert world.asked() == {}


def test_settings_may_come_from_the_stack(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """All settings can be stack configuration, the secret encrypted.

    Nothing of them is in the job's state.
    """
    world = World(engine, zuora, tmp_path, env={})
    world.stack.set_config("zuora:baseUrl", zuora.base_url)
    world.stack.set_config("zuora:clientId", zuora.client_id)
    world.stack.set_config("zuora:clientSecret", zuora.client_secret, secret=True)
    world.stack.set_config("zuora:tenantId", zuora.tenant_id)
    world.job()
    result = world.up()

    assert f"in tenant {zuora.tenant_id} at {zuora.base_url}." in result.stdout
    assert world.resource()["outputs"]["tenantId"] == zuora.tenant_id
    assert zuora.client_secret not in str(world.resource())
    assert "plain text" not in result.stdout
    assert_clean(result.stdout, zuora.client_secret)


def test_settings_that_can_never_work_fail_a_preview(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """What can never work fails a preview already; nothing is sent."""
    world = World(engine, zuora, tmp_path, env={"ZUORA_BASE_URL": "http://rest.test.zuora.com"})
    world.job()

    for operation in ("preview", "up"):
        assert told(world.failing(operation)) == [
            "Zuora's settings are not usable: ZUORA_BASE_URL is 'http://rest.test.zuora.com': "
            "plain http is refused, it would send the secret in the clear; use https:// Nothing "
            "was sent to Zuora."
        ]
    assert world.asked() == {}


def test_a_misspelt_key_is_refused_in_a_preview(world: World) -> None:
    """Nobody would read `zuora:tenantID`, and no other tenant would be refused; nothing is sent."""
    world.stack.set_config("zuora:tenantID", "777")
    world.job()
    for operation in ("preview", "up"):
        assert told(world.failing(operation)) == [
            "Zuora's settings are not usable: zuora:tenantID is not a setting: set "
            "zuora:tenantId instead, and run `pulumi config rm zuora:tenantID` Nothing was sent to "
            "Zuora."
        ]
    assert world.asked() == {}


def test_a_client_secret_in_plain_text_is_warned_of(world: World) -> None:
    """A reviewer reads once how to set it, whatever the number of jobs."""
    world.stack.set_config("zuora:clientSecret", "hunter2")
    world.program("for name in 'ab': BackfillJob(name, type='RatePlanCharge', entity_id=name)")
    text = world.stack.preview().stdout

    plain = (
        "warning: zuora:clientSecret is in plain text in the stack's configuration: remove it, "
        "and export ZUORA_CLIENT_SECRET=…"
    )
    assert [plain in line for line in text.partition("Diagnostics:")[2].splitlines()].count(
        True
    ) == 1
    assert_clean(text, "hunter2")


@pytest.mark.parametrize("option", ["import_='j' * 32", "delete_before_replace=False"])
def test_an_option_that_cannot_be_honoured_is_one_line(world: World, option: str) -> None:
    """It is refused in the program, without the program's traceback.

    Nothing is registered and nothing is sent.
    """
    world.job(f"type='RatePlanCharge', opts=pulumi.ResourceOptions({option})")
    text = world.failing("preview")

    line, *rest = errors_of(text)
    assert line.startswith("error: BackfillJob 'charges': ")
    assert [
        other for other in rest if "program exited with non-zero exit code: 1" not in other
    ] == []
    assert "Traceback" not in text
    assert world.asked() == {}


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_a_malformed_id_is_looked_up_nowhere(world: World, operation: str) -> None:
    """`BackfillJob.get` refuses what can be no id before it asks for a token.

    So does a preview.
    """
    world.program("BackfillJob.get('theirs', 'malformed')")
    text = world.failing(operation)

    # In a preview the CLI puts two words of its own before the text.
    assert [error.replace("Preview failed: ", "") for error in errors_of(text)] == [
        "error: 'malformed' is not a job id: a job id has 32 characters. Nothing was sent to Zuora."
    ]
    assert_clean(text)
    assert world.asked() == {}


def test_organisations_as_a_list_are_refused(world: World) -> None:
    """Pulumi hands a list over as JSON text; it is not sent as if it were an id."""
    world.stack.set_config("zuora:orgIds", '["a","b"]')
    world.job()

    assert errors_of(world.failing()) == [
        'error: Zuora\'s settings are not usable: zuora:orgIds is \'["a","b"]\': write the ids '
        "without quotes, brackets or braces, and separate them by "
        "commas: a,b Nothing was sent to Zuora."
    ]
    assert world.asked() == {}


def test_a_wrong_secret_is_one_line_and_one_request(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Refused credentials are asked for once, whatever the number of jobs, and never shown."""
    world = World(
        engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_CLIENT_SECRET": "hunter2"}
    )
    world.program(
        "for i in range(3): BackfillJob(f'c-{i}', type='RatePlanCharge', entity_id=f'{i}')"
    )
    text = world.failing()

    assert set(errors_of(text)) == {
        "error: Zuora refused the client credentials (HTTP 401: Invalid client id or secret). "
        "Check client id and secret, and that they belong to "
        f"{zuora.base_url}: a wrong base URL is a common cause."
    }
    assert_clean(text, "hunter2")
    assert world.asked() == {"token": 1}


def test_a_wrong_base_url_is_one_line(engine: type[Any], zuora: Sandbox, tmp_path: Path) -> None:
    """Where nobody listens, the line says so and names the setting.

    It is known that nothing was started.
    """
    nobody = "http://127.0.0.1:9"
    world = World(
        engine,
        zuora,
        tmp_path,
        env=zuora.environment() | {"ZUORA_BASE_URL": nobody, "ZUORA_CALL_TIMEOUT": "1"},
    )
    world.job()
    text = world.failing()

    (line,) = errors_of(text)
    assert line.startswith(f"error: Could not get a token: {nobody} cannot be reached")
    assert "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl)" in line
    assert_clean(text, zuora.client_secret)


def test_a_base_url_that_differs_between_environment_and_configuration_is_refused(
    world: World,
) -> None:
    """Two different base URLs are a contradiction, not a precedence; nothing is sent."""
    world.stack.set_config("zuora:baseUrl", "https://rest.zuora.com")
    world.job()
    text = world.failing()

    assert (
        f"ZUORA_BASE_URL is '{world.zuora.base_url}' but zuora:baseUrl is "
        "'https://rest.zuora.com': remove one of them" in text
    )
    assert world.asked() == {}


def test_the_wrong_tenant_is_refused_before_anything_is_started(world: World) -> None:
    """A token of another tenant than the configured one ends the deployment.

    Only the token was asked for.
    """
    world.stack.set_config("zuora:tenantId", "777")
    world.job()
    text = world.failing()

    assert (
        f"The credentials belong to tenant {world.zuora.tenant_id}, but tenant 777 is configured."
        in text
    )
    assert world.asked() == {"token": 1}


@pytest.mark.parametrize("operation", ["refresh", "destroy", "replace"])
def test_another_place_than_the_one_in_state_is_refused(
    engine: type[Any], zuora: Sandbox, tmp_path: Path, operation: str
) -> None:
    """A job in state is only touched where it runs.

    With another base URL, refresh, destroy and replacement send nothing.
    """
    world = World(engine, zuora, tmp_path, env={})
    world.configure()
    world.job('type="RatePlanCharge", dry_run=True')
    world.up()
    with Sandbox(client_id=zuora.client_id, client_secret=zuora.client_secret) as other:
        world.stack.set_config("zuora:baseUrl", other.base_url)
        if operation == "replace":
            world.job('type="RatePlanCharge", dry_run=True, triggers=2')
            text = world.failing()
        else:
            # Both take the configuration of the last up, so that one has to know the new value.
            shown = world.up().stdout
            assert (
                f"belongs to {zuora.base_url}, but the settings say {other.base_url}. Refresh, "
                "destroy and replacement are refused until the settings fit." in flat(shown)
            )
            text = world.failing(operation)
        assert other.requests == []
    assert (
        f"in state belongs to {zuora.base_url}, but the settings say {other.base_url}. Set base "
        "URL, tenant and entity back (environment or zuora:* configuration). For another tenant, "
        "use "
        "another stack." in flat(text)
    )
    assert (f"pulumi state delete '{urn()}'" in text) is (operation == "destroy")
    assert world.asked() == {}
    assert_clean(text)


def test_a_long_error_is_read_whole(world: World) -> None:
    """A tenant may hold hundreds of jobs.

    The newest twenty are described, all of them are in the line to paste.
    """
    ids = [
        world.zuora.add_job(status="COMPLETED", age_s=(300 - number) * 86400).id
        for number in range(150)
    ]
    world.job()
    text = world.failing()

    assert (
        "tenant 10042 holds 150 RatePlanCharge backfill jobs that state does not hold as this "
        "resource's:" in text
    )
    assert [line.split()[0] for line in lines_with(text, "(COMPLETED, created")] == ids[-20:]
    assert lines_with(text, "older)") == ["(and 130 older)"]
    assert "known_job_ids=[" + ", ".join(f'"{job}"' for job in ids) + "]" in text


def test_a_refused_job_is_one_line_with_what_to_do(world: World) -> None:
    """A missing permission is named, with Zuora's code and the request id; no job and no state."""
    world.zuora.permit(False)
    world.job()
    text = world.failing()

    (line,) = errors_of(text)
    assert line.startswith(
        "error: Zuora refused to start the backfill job (HTTP 403, code 58730010"
    )
    assert "Manage OTR Settings" in line
    assert "request id" in line
    assert_clean(text, world.zuora.client_secret)
    assert world.job_ids() == []


def test_a_lost_connection_is_ridden_out(world: World) -> None:
    """One lost answer is repaired within the same up, by the same key: one job."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE)
    world.job()
    world.up()

    (job,) = world.job_ids()
    assert world.resource()["id"] == job
    assert world.asked() == {"token": 1, "list": 1, "create": 2, "get": 1}
