"""Where Zuora is: a base URL in its one form, and which addresses lead to this very machine."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit


def base_url_of(text: str) -> str:
    """
    Bring a base URL into one form: scheme and host in lower case, no default port, no slash.

    Raises:
        ValueError: It is no bare ``https://`` address (``http://`` is taken for loopback only).
    """
    if "@" in text:
        raise ValueError("must not hold a user name or a password")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("https", "http") or not re.fullmatch(r"[a-z0-9._:-]+", host):
        raise ValueError(f"is {text!r}, not a URL like https://rest.test.zuora.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(
            f"is {text!r}: give scheme and host only, like https://rest.test.zuora.com"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(
            f"is {text!r}: plain http is refused, it would send the secret in the clear; "
            "use https://"
        )
    shown = f"[{host}]" if ":" in host else host
    default_port = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, default_port) else "")


def is_loopback(host: str) -> bool:
    """Tell whether a host name means this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
