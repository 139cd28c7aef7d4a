"""What update does: state keeps what was declared anew, and nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.connection import Voice
from pulumi_zuora_backfill.properties import (
    PYTHON_NAMES,
)

from .differences import track_id_is_derived
from .inputs import secrets_of
from .outputs import INPUT_NAMES, PLACE, PROPERTY_NAMES, known, secret_again


def update_job(
    olds: Mapping[str, Any], news: Mapping[str, Any], changed: tuple[str, ...], voice: Voice
) -> dict[str, Any]:
    """Return the outputs after a change of state only; nothing is sent."""
    declared = {name: news.get(name) for name in INPUT_NAMES}
    if declared["trackId"] is None and track_id_is_derived(olds):
        declared["trackId"] = olds["trackId"]
    if "batchSize" in changed:
        voice.info("Nothing was sent: the new batch_size counts at the next start.")
    elif changed:
        names = ", ".join(PYTHON_NAMES[name] for name in changed)
        voice.info(f"Nothing was sent; state keeps the new {names}.")
    outputs = known({**{name: olds.get(name) for name in PROPERTY_NAMES}, **declared})
    secrets = secrets_of(news)
    if "triggers" in secrets:
        outputs["secretHistory"] = True
    if not secrets.isdisjoint(PLACE):
        outputs["secretPlace"] = True
    return secret_again(outputs)
