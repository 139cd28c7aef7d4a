"""
Where Zuora is and who we are there: environment and stack configuration become `Settings`.

Public: `Settings`, `load_settings`.
"""

from .loading import Settings, load_settings

__all__ = ["Settings", "load_settings"]
