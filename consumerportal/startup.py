"""Reads what has to be safe from the environment, and names everything that is wrong at once.

Practice mode brings values of its own, so that a fresh machine starts with one command; production
accepts none of them. An operator who starts production for the first time sees one list, not one
error after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

# Published with the source, therefore worthless as secrets: startup() refuses them in production.
PRACTICE_VALUES = {
    "SECRET_KEY": "practice-only-secret-key-practice-only-secret-key-practice",
    "ENCRYPTION_KEYS": "cHJhY3RpY2Utb25seS1wcmFjdGljZS1vbmx5LWtleSE=",
    "DIGEST_KEY": "practice-only-digest-key-practice-only",
    "CDP_CLIENT_KEY": "practice-client-key",
    "CDP_API_TOKEN": "practice-api-token",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "CDP_BASE_URL": "http://127.0.0.1:8031",
}


def long_enough(value: str) -> str:
    """What is wrong with a secret that should be random text of at least 32 characters, or ``""``."""
    return "" if len(value) >= 32 and len(set(value)) >= 8 else "is shorter than 32 random characters"


def fernet_keys(value: str) -> str:
    """What is wrong with a comma-separated list of Fernet keys, or ``""``."""
    try:
        for key in value.split(","):
            Fernet(key.strip())
    except ValueError:
        return "is not a list of Fernet keys (32 random bytes in URL-safe base64 each)"
    return ""


def host_names(value: str) -> str:
    """What is wrong with the list of host names that the portal answers to, or ``""``."""
    return "holds *, which accepts every host" if "*" in value.split(",") else ""


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
        practice_value = PRACTICE_VALUES[name]
        if self.practice:
            return str(self.env.str(name, default=practice_value))
        value = str(self.env.str(name, default=""))
        if not value:
            self.problems.append(f"{name} is not set")
        elif value == practice_value:
            self.problems.append(f"{name} is the practice value, which everybody knows")
        elif problem := check(value):
            self.problems.append(f"{name} {problem}")
        return value

    def practice_stays_home(self, base_url: str) -> None:
        """Practice mode talks to this machine alone; with its known keys anything else would be unsafe."""
        if self.practice and urlsplit(base_url).hostname not in LOOPBACK_HOSTS:
            self.problems.append("CDP_BASE_URL leaves this machine, which practice mode does not allow")

    def stop_if_unsafe(self) -> None:
        """Raise ImproperlyConfigured with every problem in one message."""
        if self.problems:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ImproperlyConfigured(
                f"The portal does not start in {self.mode} mode:\n{listed}\n"
                "The file .env.example explains every setting. To try the portal: make run."
            )
