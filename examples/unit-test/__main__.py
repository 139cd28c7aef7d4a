"""The program: as little as possible, as tests call `declare` themselves."""

import pulumi
from go_live import declare

declare(approval=pulumi.Config().get("approval", "wait"))
