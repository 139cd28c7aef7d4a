"""
The policy pack as Pulumi runs it: what it is given, what it is told, and on the CLI what it stops.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.properties import TYPE_TOKEN, WIRE_NAMES
from pulumi_zuora_backfill.testing import Operation, Sandbox

from .engines import RealStack, pulumi_cli
from .world import World, flat, urn

pytest.importorskip(
    "pulumi_policy", reason="pulumi-policy is not installed (the lowest SDK has none that fits)"
)
from backfill_policies import JOB_TYPE, POLICIES, known
from backfill_rules import UNKNOWN
from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    StackValidationArgs,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

PACK = Path(__file__).resolve().parent.parent / "policy"
NAMES = [policy.name for policy in POLICIES]
CONFIG = json.loads((PACK / "config.json").read_text())
TIMEOUTS = PolicyCustomTimeouts(0, 0, 0)
OPTIONS = PolicyResourceOptions(False, [], True, [], TIMEOUTS, [])


def provider(settings: Mapping[str, Any]) -> PolicyProviderResource:
    """Return the default provider, which carries the stack's configuration."""
    props = unknown_checking_proxy(dict(settings))
    return PolicyProviderResource("pulumi:providers:pulumi-python", props, "urn", "default")


def violations(
    props: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    resource_type: str = JOB_TYPE,
) -> dict[str, str]:
    """Run each policy on one resource, as the SDK does, and return what they report."""
    found: dict[str, str] = {}
    seen = unknown_checking_proxy(dict(props))
    configured = {**CONFIG, **(config or {})}
    for policy in POLICIES:

        def report(text: str, _urn: str | None = None, name: str = policy.name) -> None:
            found[name] = text

        common = (resource_type, seen, urn(), "charges", OPTIONS, provider(settings or {}))
        own = configured.get(policy.name, {})
        stack = StackValidationArgs([PolicyResource(*common, None, [], {})], own)
        single = ResourceValidationArgs(*common, own)
        checked: Any = policy
        checked.validate(stack if policy.name == "max-live-jobs" else single, report)
    return found


BAD = {"dryRun": False, "guard": "none", "onDelete": "stop", "triggers": "2026-11-26T10:00:00Z"}


def test_the_policies_know_the_names_of_the_package() -> None:
    """The pack is copied without the package, so it spells the type and the properties itself."""
    assert JOB_TYPE == TYPE_TOKEN
    text = (PACK / "backfill_rules.py").read_text()
    used = set(re.findall(r'inputs\.get\("(\w+)"\)', text))
    assert used - set(WIRE_NAMES.values()) == {"verified"}


def test_the_shipped_configuration_names_each_policy_and_each_of_its_settings() -> None:
    """A person finds every switch in `config.json`."""
    schemas = {policy.name: policy.config_schema for policy in POLICIES}
    assert {name: set(values) for name, values in CONFIG.items()} == {
        name: set(schema.properties) for name, schema in schemas.items() if schema
    }


def test_a_bad_job_violates_each_rule_that_speaks_of_it() -> None:
    """All at once; another resource with the same properties violates none."""
    config = {"max-live-jobs": {"max": 0}, "live-job-not-in-live-tenant": {"tenants": ["10042"]}}
    settings = {"zuora:tenantId": "10042"}
    assert list(violations(BAD, config, settings)) == NAMES
    assert violations(BAD, config, settings, "aws:s3/bucket:Bucket") == {}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "max-live-jobs"])
def test_an_exception_lets_a_resource_pass_one_rule_only(name: str) -> None:
    """The others still look at it."""
    settings = {"zuora:tenantId": "10042"}
    tenants = {"live-job-not-in-live-tenant": {"tenants": ["10042"]}}
    config = {**tenants, name: {**tenants.get(name, {}), "exceptions": ["charges"]}}
    before, after = violations(BAD, tenants, settings), violations(BAD, config, settings)
    assert set(before) - set(after) == {name}


def test_no_unknown_value_reaches_a_rule() -> None:
    """
    The SDK leaves a policy out that touches one; so each becomes a value that the rules refuse.
    """
    props = unknown_checking_proxy(
        {"a": UNKNOWN_STRING_VALUE, "b": [1.0, {"c": UNKNOWN_STRING_VALUE}], "d": None}
    )
    assert known(props) == {"a": UNKNOWN, "b": [1.0, {"c": UNKNOWN}], "d": None}


def test_a_preview_that_knows_nothing_is_refused_by_each_rule() -> None:
    """No rule passes silently, and each says that it counts the job as live."""
    props = dict.fromkeys(
        ("dryRun", "guard", "onDelete", "triggers", "reason", "verified", "existingJobId"),
        UNKNOWN_STRING_VALUE,
    )
    config = {"max-live-jobs": {"max": 0}, "live-job-not-in-live-tenant": {"tenants": ["10042"]}}
    found = violations(props, config, {"zuora:tenantId": UNKNOWN_STRING_VALUE})
    assert list(found) == NAMES
    counted = "Whether it runs dry is not known yet, so it counts as live."
    assert [name for name, text in found.items() if not text.endswith(counted)] == ["max-live-jobs"]


def test_no_text_repeats_a_value_of_the_program() -> None:
    """A policy sees secrets in plain text, so nothing that a program declares is said again."""
    secret = "9f1c6a3e-5b0d-4c7a-9e55-2f6f4a1f3b77"
    props = {"triggers": {secret: secret}, "reason": secret, "guard": secret, "onDelete": secret}
    config = {"live-job-needs-reason": {"pattern": "REV"}, "max-live-jobs": {"max": 0}}
    verified = {"approval": secret, "dryRun": secret[::-1]}
    found = violations({**props, "dryRun": False, "verified": verified}, config)
    assert len(found) == len(NAMES) - 1
    assert [text for text in found.values() if secret in text] == []


def test_the_docs_name_each_rule_and_each_of_its_settings() -> None:
    """A row for each policy, in order; what is left out of its settings is what all have."""
    page = (PACK.parent / "docs" / "how-to" / "policy.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| .* \|(.*)\|$", page, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", settings)) for name, settings in rows}
    assert list(told) == NAMES
    assert told == {name: set(values) - {"exceptions"} for name, values in CONFIG.items()}


# --- on the CLI ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the folder as a person does; its environment is that of the tests."""
    folder = tmp_path_factory.mktemp("copied") / "policy"
    shutil.copytree(PACK, folder, ignore=shutil.ignore_patterns("__pycache__", "venv"))
    (folder / "venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Have a stack whose dry run has completed and waits for approval; nobody changes its state."""
    assert pulumi_cli()
    with pytest.MonkeyPatch.context() as patch, Sandbox(job_duration_s=0) as zuora:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        world = World(RealStack, zuora, tmp_path_factory.mktemp("approved"))
        world.stack.set_config("zuora:tenantId", zuora.tenant_id)
        world.program(verified('approval="wait"'))
        world.up()
        yield world


def verified(arguments: str) -> str:
    """Return a program with a backfill that runs dry first."""
    return (
        "from pulumi_zuora_backfill import VerifiedBackfill\n"
        'VerifiedBackfill("charges", type="RatePlanCharge", reason="REV-1432", '
        f"{arguments})\n"
    )


def preview(world: World, pack: Path, config: Mapping[str, Any], operation: str = "preview") -> str:
    """Run an operation with the pack and return what a person reads; it may fail."""
    file = pack.parent / "config.json"
    file.write_text(json.dumps({**CONFIG, **config}))
    options = {"policy_packs": [str(pack)], "policy_pack_configs": [str(file)]}
    try:
        return str(getattr(world.stack, operation)(**options).stdout)
    except Exception as error:
        return str(getattr(error, "stdout", error))


def reported(text: str) -> list[str]:
    """Return the names of the policies that a run reports, each once."""
    return sorted(set(re.findall(r"\[(?:mandatory|advisory)\]\s+([\w-]+)", text)))


def beside(job: str) -> str:
    """Return the program that has been deployed, with one more job beside it."""
    return verified('approval="wait"') + f"BackfillJob({job})\n"


LIVE = "ead81f43b884bff4b7cc1d280b8360d6"
PLAIN = '"plain", type="OrderLineItem", reason="REV-1432"'
VIOLATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "live-job-needs-reason": (beside(f'"old", type="OrderLineItem", existing_job_id="{LIVE}"'), {}),
    "live-job-needs-guard": (verified('approval="{dry_run}", guard="none"'), {}),
    "live-job-needs-approval": (beside(PLAIN), {}),
    "live-job-not-in-live-tenant": (verified('approval="{dry_run}"'), {"tenants": ["10042"]}),
    "live-job-is-not-stopped": (verified('approval="{dry_run}", on_delete="stop"'), {}),
    "triggers-are-steady": (
        "import uuid\n"
        + beside('"dry", type="OrderLineItem", dry_run=True, triggers=str(uuid.uuid4())'),
        {},
    ),
    "max-live-jobs": (verified('approval="{dry_run}"'), {"max": 0}),
}


@pytest.mark.real_engine
@pytest.mark.parametrize("name", NAMES)
def test_the_cli_refuses_what_violates_a_rule(name: str, approved: World, pack: Path) -> None:
    """The preview fails by this rule and by no other."""
    program, config = VIOLATIONS[name]
    approved.program(program.replace("{dry_run}", approved.job_ids()[0]))
    text = preview(approved, pack, {name: {**CONFIG[name], **config}})
    assert reported(text) == [name]
    assert "error: preview failed" in text


@pytest.mark.real_engine
def test_a_rule_can_be_an_advice_on_the_cli(approved: World, pack: Path) -> None:
    """With `enforcementLevel` in the configuration it is told, and the preview succeeds."""
    approved.program(beside(PLAIN))
    text = preview(approved, pack, {"live-job-needs-approval": {"enforcementLevel": "advisory"}})
    assert reported(text) == ["live-job-needs-approval"]
    assert "error:" not in text


@pytest.mark.real_engine
def test_the_cli_lets_pass_what_violates_no_rule(approved: World, pack: Path) -> None:
    """The approved live job of the second pull request passes each, and each has looked."""
    approved.program(verified(f'approval="{approved.job_ids()[0]}"'))
    text = preview(approved, pack, {})
    assert reported(text) == []
    assert "✅ zuora-backfill@v" in text
    assert "APPROVED LIVE RatePlanCharge backfill" in text


@pytest.mark.real_engine
def test_what_the_cli_does_not_know_yet_is_refused(approved: World, pack: Path) -> None:
    """Outputs of a job that is still to start are no reason, no triggers and no approval."""
    approved.program(
        'first = BackfillJob("first", type="OrderLineItem", dry_run=True)\n'
        'BackfillJob("second", type="OrderLineItem", reason=first.job_id, triggers=first.job_id, '
        "dry_run=first.recovered, guard='once', on_delete='leave')\n"
    )
    text = preview(approved, pack, {})
    assert reported(text) == [
        "live-job-needs-approval",
        "live-job-needs-reason",
        "triggers-are-steady",
    ]
    assert "can't run policy" not in text
    assert "so it counts as live" in flat(text)


@pytest.mark.real_engine
def test_an_update_without_a_preview_starts_no_job_that_a_rule_refuses(
    approved: World, pack: Path
) -> None:
    """
    The Automation API, and most CI files, run `up --skip-preview`: the rules on one job hold there.
    """
    approved.program(beside(PLAIN))
    approved.zuora.forget_requests()
    text = preview(approved, pack, {}, "up")
    assert reported(text) == ["live-job-needs-approval"]
    assert approved.zuora.count(Operation.CREATE) == 0


@pytest.mark.real_engine
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"live-job-not-in-live-tenant": {"tenants": [10042]}}, "tenants.0: Invalid type"),
        ({"max-live-jobs": {"max": "many"}}, "max: Invalid type"),
        ({"max-live-job": {"max": 1}}, "invalid enforcement level"),
    ],
    ids=["a number", "a word", "a misspelt name"],
)
def test_the_cli_refuses_a_wrong_configuration(
    config: Mapping[str, Any], said: str, approved: World, pack: Path
) -> None:
    """A list of numbers, a word for a number, and a policy that the pack does not have."""
    approved.program("")
    assert said in preview(approved, pack, config)


def test_the_pack_is_a_folder_that_can_be_copied() -> None:
    """All that it imports is in it, or in its requirements."""
    modules = {path.stem for path in PACK.glob("*.py")}
    imported: set[str] = set()
    for path in PACK.glob("*.py"):
        imported |= set(re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.MULTILINE))
    needed: Sequence[str] = sorted(imported - modules - set(sys.stdlib_module_names))
    assert needed == ["pulumi_policy"]
    assert (PACK / "requirements.txt").read_text() == "pulumi-policy>=1.21,<2\n"
    assert {"PulumiPolicy.yaml", "README.md"} <= {path.name for path in PACK.iterdir()}
