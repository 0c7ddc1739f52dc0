"""Reads what has to be safe from the environment, and names everything that is wrong at once.

Practice mode brings values of its own, so that a fresh machine starts with one command; production
accepts none of them. An operator who starts production for the first time sees one list, not one
error after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from apps.audit.integrity.checkpoints import public_key, signing_key
from apps.cdp.attempt import Limits
from apps.cdp.links import BaseUrl
from apps.core.requests import UNIX_SOCKET

LONGEST_WAIT = 30 * 24 * 3600.0  # seconds
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

# Published with the source, therefore worthless as secrets: startup() refuses them in production.
PRACTICE_VALUES = {
    "SECRET_KEY": "practice-only-secret-key-practice-only-secret-key-practice",
    "ENCRYPTION_KEYS": "cHJhY3RpY2Utb25seS1wcmFjdGljZS1vbmx5LWtleSE=",
    "DIGEST_KEY": "practice-only-digest-key-practice-only",
    "AUDIT_SIGNING_KEY": "cHJhY3RpY2Utb25seS1hdWRpdC1zaWduaW5nLWtleSE=",
    "CDP_CLIENT_KEY": "practice-client-key",
    "CDP_API_TOKEN": "practice-api-token",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "CDP_BASE_URL": "http://127.0.0.1:8031",
}

_PUBLISHED = frozenset(PRACTICE_VALUES.values()) | {"localhost", "127.0.0.1", "[::1]"}


def long_enough(value: str) -> str:
    """What is wrong with a secret that should be random text of at least 32 characters, or ``""``."""
    return "" if len(value) >= 32 and len(set(value)) >= 8 else "is shorter than 32 random characters"


def fernet_keys(value: str) -> str:
    """What is wrong with a comma-separated list of Fernet keys, or ``""``."""
    try:
        for key in listed(value):
            Fernet(key)
    except ValueError:
        return "is not a list of Fernet keys (32 random bytes in URL-safe base64 each)"
    return ""


def audit_signing_key(value: str) -> str:
    """What is wrong with the key that signs the audit log's checkpoints, or ``""``."""
    try:
        signing_key(value)
    except ValueError as error:
        return str(error)
    return ""


def host_names(value: str) -> str:
    """What is wrong with the list of host names that the portal answers to, or ``""``."""
    return "holds *, which accepts every host" if "*" in listed(value) else ""


def listed(value: str) -> list[str]:
    """The items of a comma-separated value, without blanks and empty ones."""
    return [item.strip() for item in value.split(",") if item.strip()]


def no_check(value: str) -> str:
    """Any text is good."""
    return ""


class Startup:
    """The values without which the portal may not start."""

    def __init__(self, env: environ.Env) -> None:
        self.env = env
        self.mode: str = env.str("PORTAL_MODE", default="production")
        self.problems: list[str] = []
        if self.mode not in ("practice", "production"):
            self.problems.append("PORTAL_MODE is neither practice nor production")

    @property
    def practice(self) -> bool:
        return self.mode == "practice"

    def required(self, name: str, check: Callable[[str], str] = no_check) -> str:
        """The value of a setting that production must give; what is wrong with it is remembered."""
        # Not through django-environ: it would take a secret that begins with $ for another variable's name.
        given = str(self.env.ENVIRON.get(name, "")).strip()
        if self.practice:
            return given or PRACTICE_VALUES[name]
        if not listed(given):
            self.problems.append(f"{name} is not set")
        elif set(listed(given)) & _PUBLISHED:
            self.problems.append(f"{name} is a practice value, which everybody knows")
        elif problem := check(given):
            self.problems.append(f"{name} {problem}")
        return given

    def practice_stays_home(self, base_url: str) -> None:
        """Practice mode talks to this machine alone; with its known keys anything else would be unsafe."""
        if self.practice and urlsplit(base_url).hostname not in LOOPBACK_HOSTS:
            self.problems.append("CDP_BASE_URL leaves this machine, which practice mode does not allow")

    def client_settings(self, base_url: str, extra_hosts: list[str], limits: dict[str, float]) -> None:
        """The address and the limits of the calls must be usable, or every create would be "not sent"."""
        if base_url:
            try:
                BaseUrl.parse(base_url, extra_hosts=extra_hosts)
            except ValueError as error:
                self.problems.append(f"CDP_BASE_URL cannot be used: {error}")
        try:
            Limits(**limits)
        except ValueError:
            self.problems.append(
                "CDP_CONNECT_TIMEOUT, CDP_READ_TIMEOUT and CDP_TOTAL_TIMEOUT are not all positive"
            )

    def calls_leave_threads(self, calls: int, *, threads: int, for_pages: int) -> None:
        """A process that has no thread left beside its calls would let everybody wait for a slow vendor."""
        if not 1 <= calls <= threads - for_pages:
            self.problems.append(
                f"CDP_IN_FLIGHT ({calls}) is not at least 1 and at least {for_pages} below"
                f" WEB_THREADS ({threads})"
            )

    def audit_public_keys(self, former: list[str]) -> None:
        """A former key that cannot be read would make every checkpoint that it signed one of a stranger."""
        try:
            for key in former:
                public_key(key)
        except ValueError:
            self.problems.append(
                "AUDIT_FORMER_PUBLIC_KEYS is not a list of public keys (base64 of 32 bytes each)"
            )

    def networks(self, name: str, values: list[str]) -> None:
        """Addresses or networks: a wrong one would fail every request whose address is asked for."""
        try:
            for value in values:
                if value != UNIX_SOCKET:
                    ip_network(value, strict=False)
        except ValueError:
            self.problems.append(f"{name} holds something else than addresses and networks")

    def client_addresses(self, proxies: list[str], *, tls_at_proxy: bool) -> None:
        """Behind a proxy that is not trusted, everybody would count as one address, in limits and events."""
        if tls_at_proxy and not proxies:
            self.problems.append("TLS_AT_PROXY is on, but TRUSTED_PROXIES does not name the proxy")
        on_unix_socket = str(self.env.ENVIRON.get("PORTAL_BIND", "")).startswith("unix:")
        if on_unix_socket and UNIX_SOCKET not in proxies:
            self.problems.append(
                f"PORTAL_BIND is a Unix socket, but TRUSTED_PROXIES does not hold {UNIX_SOCKET}"
            )

    def check_times(self, after: list[float]) -> None:
        """The waits before look-ups, in seconds: positive, and none beyond a month."""
        if not all(0 < seconds <= LONGEST_WAIT for seconds in after):  # false for "nan" and "inf" as well
            self.problems.append("CDP_RECONCILIATION_AFTER holds something else than seconds up to 30 days")

    def positive(self, name: str, number: int) -> None:
        """A number of seconds that must be at least one."""
        if number < 1:
            self.problems.append(f"{name} ({number}) is not at least 1")

    def country_codes(self, countries: list[str]) -> None:
        """Countries beside ISO 3166-1: a code of two capital letters and a name each."""
        if not all(re.fullmatch(r"[A-Z]{2}=.*\S.*", country) for country in countries):
            self.problems.append("EXTRA_COUNTRIES holds something else than pairs such as XK=Kosovo")

    def stop_if_unsafe(self) -> None:
        """Raise ImproperlyConfigured with every problem in one message."""
        if self.problems:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ImproperlyConfigured(
                f"The portal does not start in {self.mode} mode:\n{listed}\n"
                "The file .env.example explains every setting. To try the portal: make run."
            )
