"""What is wrong with the value of a secret, a key or another required setting."""

from __future__ import annotations

from apps.audit.integrity.checkpoints import signing_key
from apps.audit.macs import MacKeys
from apps.cdp.links import is_loopback
from apps.core.encryption import read_keys
from apps.notices.signatures import key_of
from consumerportal.environment import split_list


def no_problem(value: str) -> str:
    """``""``: any value is accepted."""
    return ""


def secret_problem(value: str) -> str:
    """The problem with a secret, which must be random text of at least 32 characters; or ``""``.

    It has no comma, because a secret that is replaced becomes an item of a list.
    """
    if "," in value:
        return "contains a comma, which separates secrets in SECRET_KEY_FALLBACKS"
    return "" if len(value) >= 32 and len(set(value)) >= 8 else "is shorter than 32 random characters"


def secrets_problem(value: str) -> str:
    """The problem with a comma-separated list of secrets, or ``""``."""
    secrets = split_list(value)
    if len({*secrets}) != len(secrets):
        return "contains a value twice"
    return next(filter(None, map(secret_problem, secrets)), "")


def encryption_keys_problem(value: str) -> str:
    """The problem with a comma-separated list of encryption keys, or ``""``."""
    try:
        read_keys(split_list(value))
    except ValueError:
        return "is not a list of different keys (32 random bytes in URL-safe base64 each)"
    return ""


def signing_key_problem(value: str) -> str:
    """The problem with the key that signs the audit log's checkpoints, or ``""``."""
    try:
        signing_key(value)
    except ValueError as error:
        return str(error)
    return ""


def mac_keys_problem(value: str) -> str:
    """The problem with a comma-separated list of keys for the MACs of the audit log, or ``""``."""
    try:
        keys = MacKeys(split_list(value)).fingerprints
    except ValueError:
        return "is not a list of keys (base64 of 32 random bytes each)"
    return "contains a value twice" if len({*keys}) != len(keys) else ""


def hook_secrets_problem(value: str) -> str:
    """The problem with a comma-separated list of secrets for web hooks, or ``""``."""
    try:
        for secret in split_list(value):
            key_of(secret)
    except ValueError:
        return "is not a list of secrets (whsec_ and the base64 of 24 to 64 bytes each)"
    return ""


def portal_host(names: list[str]) -> str:
    """The first of these allowed host names that is not this machine's own, or ``""``."""
    return next((name.lstrip(".") for name in names if not is_loopback(name.strip("[]").lower())), "")


def host_names_problem(value: str) -> str:
    """The problem with a comma-separated list of allowed host names, or ``""``.

    This machine's own names, as for a health check, must be beside a name of the portal, in any order.
    """
    names = split_list(value)
    if not portal_host(names):
        return "names this machine only, and not the portal"
    return "contains *, which accepts every host" if "*" in names else ""
