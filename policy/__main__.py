"""The policy pack; `pulumi preview --policy-pack` runs it. It serves until the CLI ends it."""

from backfill_policies import POLICIES
from pulumi_policy import EnforcementLevel, PolicyPack

PolicyPack("zuora-backfill", POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
