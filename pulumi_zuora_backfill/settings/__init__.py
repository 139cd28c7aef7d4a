"""Where Zuora is and who we are there."""

from .loading import Settings, load_settings

__all__ = ["Settings", "load_settings"]
