"""Addresses: the host that may be called, references in paths, and recognition of links to that host."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from apps.cdp.answers import MAX_REFERENCE_LENGTH
from apps.cdp.errors import CdpBadReference, CdpNotConfigured

REGIONAL_HOSTS = frozenset(  # vendor: base URLs per region
    f"api-engage-{region}.sitecorecloud.io" for region in ("eu", "us", "ap", "jpe")
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """The scheme, host and port that all requests, with credentials and personal data, are sent to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str, *, extra_hosts: Collection[str] = ()) -> BaseUrl:
        """Parse a configured base URL.

        Accepted: the vendor's four regional hosts and `extra_hosts` over https, and this machine (loopback)
        over http or https, without user name, path, query or fragment. Raises `CdpNotConfigured` (a
        `ValueError`) for any other.
        """
        if not url:
            raise CdpNotConfigured(detail="CDP_BASE_URL is empty")
        found = _split(url)
        if found is None:
            raise CdpNotConfigured(detail="CDP_BASE_URL is not an address such as https://host")
        parts, host, port = found
        if "@" in parts.netloc:
            raise CdpNotConfigured(detail="CDP_BASE_URL must hold no user name or password")
        if parts.path not in {"", "/"} or "?" in url or "#" in url:
            raise CdpNotConfigured(detail="CDP_BASE_URL must end after the host")
        if not is_loopback(host):
            if parts.scheme != "https":
                raise CdpNotConfigured(detail="CDP_BASE_URL must use https, except on this machine")
            if host in REGIONAL_HOSTS and port != 443:
                raise CdpNotConfigured(detail="CDP_BASE_URL must not name a port on a host of the vendor")
            if host not in REGIONAL_HOSTS and host not in {extra.lower() for extra in extra_hosts}:
                raise CdpNotConfigured(
                    detail="the host of CDP_BASE_URL is neither one of the vendor's, nor this machine, "
                    "nor named in CDP_EXTRA_HOSTS"
                )
        return cls(parts.scheme, host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def owns(self, href: str) -> bool:
        """Whether a link leads to this scheme, host and port, also as browsers parse it."""
        found = _split(href)
        if found is None:
            return False
        parts, host, port = found
        return "@" not in parts.netloc and BaseUrl(parts.scheme, host, port) == self


@dataclass(frozen=True, slots=True)
class Path:
    """A path of the API. `template` may be logged; `filled` contains references and may not."""

    template: str
    filled: str

    @classmethod
    def fill(cls, template: str, **references: str) -> Path:
        """Fill a template with references, each as exactly one segment. Raises `CdpBadReference`."""
        segments = {name: path_segment(ref) for name, ref in references.items()}
        return cls(template, template.format(**segments))


def path_segment(reference: str) -> str:
    """Encode a reference as one path segment (RFC 3986, 3.3), so that it cannot lead to another path.

    Raises `CdpBadReference` if it is empty, a dot segment, longer than 200 characters or not printable.
    """
    if not reference or not reference.isprintable() or reference in {".", ".."}:
        raise CdpBadReference
    if len(reference) > MAX_REFERENCE_LENGTH:
        raise CdpBadReference
    return quote(reference, safe="")


def is_loopback(host: str) -> bool:
    """Whether a host is `localhost` or a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> tuple[SplitResult, str, int] | None:
    """The parts, the host and the port of a link; None if it is not a valid http or https link."""
    # urlsplit removes tabs and line ends, and browsers treat a backslash as a slash: refuse both.
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        default, port = _DEFAULT_PORTS[parts.scheme], parts.port
    except (ValueError, KeyError):
        return None
    return (parts, parts.hostname, default if port is None else port) if parts.hostname else None
