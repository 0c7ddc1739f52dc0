"""Which keys this database accepts, and whether the keys of this process are among them.

Two machines with different keys over one database look healthy and are not: with another ``DIGEST_KEY`` the
same consumer is created twice, with another encryption key one machine cannot read what the other has stored.
The database holds fingerprints of the keys that belong to it, never a key.

One rule for each kind: the key that a process writes with is registered, and every registered key is among
those that the process holds. Where no key of a kind is registered, each is accepted, and the next start
registers its own.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError

from apps.core.encryption import keyed_digest
from apps.core.models import KeyFingerprint

logger = structlog.get_logger(__name__)

LABEL = "consumer portal key fingerprint"
HINT = 'README.md says under "Keys" how a key is accepted on purpose: manage.py register_keys.'


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A kind of key.

    ``setting`` names the setting for people. ``held`` returns the fingerprints (64 hex digits) of the keys
    that this process holds, first the one that it writes with.
    """

    name: str
    setting: str
    held: Callable[[], Sequence[str]]


_kinds: dict[str, KeyKind] = {}


def register_kind(kind: KeyKind) -> None:
    """Make a kind of key known. Called from an app's ``ready()``; the same name again replaces the kind."""
    _kinds[kind.name] = kind


def kinds() -> tuple[KeyKind, ...]:
    """Every kind of key, in the order of their registration."""
    return tuple(_kinds.values())


def registered() -> dict[str, set[str]]:
    """The accepted fingerprints by the name of their kind; an empty set where there is none.

    Raises the database's errors.
    """
    found: dict[str, set[str]] = {kind.name: set() for kind in kinds()}
    for name, fingerprint in KeyFingerprint.objects.values_list("kind", "fingerprint"):
        found.setdefault(name, set()).add(fingerprint)
    return found


def problems() -> list[str]:
    """What is wrong with the keys of this process, one sentence for each setting; empty when all is well.

    Names settings, never a value. Raises the database's errors.
    """
    accepted = registered()
    return [problem for kind in kinds() if (problem := _problem(kind, accepted[kind.name]))]


def are_accepted() -> bool:
    """Whether this database accepts the keys of this process. For readiness: the log says what is wrong."""
    found = problems()
    if found:
        logger.error("keys_not_accepted", problems=found)
    return not found


def refusal(found: Sequence[str]) -> str:
    """The one message with which a start or a command refuses."""
    listed = "\n".join(f"  - {problem}" for problem in found)
    return f"These keys do not belong to this database:\n{listed}\n{HINT}"


def require_accepted_keys() -> None:
    """Stop a command that would write with keys of another database. Raises ``CommandError``.

    A database that does not answer is left to the command, which reports it in its own way.
    """
    try:
        found = problems()
    except (DatabaseError, InterfaceError):
        return
    if found:
        raise CommandError(refusal(found))


def _problem(kind: KeyKind, accepted: set[str]) -> str:
    if not accepted:
        return ""
    held = kind.held()
    if held[0] not in accepted:
        return f"{kind.setting}: the key in use is not one that this database accepts"
    if not accepted.issubset(held):
        return f"{kind.setting}: a key is missing that this database needs"
    return ""


# --- The kinds of this app ------------------------------------------------------------------------
def _encryption() -> list[str]:
    return [
        hmac.new(urlsafe_b64decode(key), f"{LABEL}: encryption".encode(), hashlib.sha256).hexdigest()
        for key in settings.ENCRYPTION_KEYS
    ]


def _digest() -> list[str]:
    return [keyed_digest(LABEL, "digest")]


ENCRYPTION = KeyKind("encryption", "ENCRYPTION_KEYS", _encryption)
DIGEST = KeyKind("digest", "DIGEST_KEY", _digest)
