"""The address of the web hook: what a setting may contain."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.cdp.links import BaseUrl, is_loopback

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, repr=False)
class HookAddress:
    """A host and the target on it. No `repr`: such addresses often contain a token."""

    base: BaseUrl
    target: str  # path and query

    @classmethod
    def parse(cls, url: str, *, practice: bool) -> HookAddress:
        """Parse a configured address: https; in practice mode this machine (loopback), over http or https.

        Raises ``ValueError`` for any other, with a message that does not quote it.
        """
        # urlsplit removes tabs and line ends, and some readers treat a backslash as a slash: refuse both.
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise ValueError("is not an address such as https://host/path")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            host, port = "", 0
        if not host or not port:
            raise ValueError("is not an address such as https://host/path")
        if "@" in parts.netloc or "#" in url:
            raise ValueError("must hold no user name, password or fragment")
        if practice and not is_loopback(host):
            raise ValueError("leaves this machine, which practice mode does not allow")
        if not practice and parts.scheme != "https":
            raise ValueError("must use https")
        query = f"?{parts.query}" if parts.query else ""
        return cls(BaseUrl(parts.scheme, host, port), f"{parts.path or '/'}{query}")
