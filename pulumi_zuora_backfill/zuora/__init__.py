"""Zuora over HTTP. Knows nothing of Pulumi."""
