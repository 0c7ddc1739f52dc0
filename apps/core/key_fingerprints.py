"""The keys that this database accepts, and the check that this process has them.

Two machines with different keys on one database fail silently: with another digest key a repeat is not
recognised and a consumer is created twice; with another encryption key one machine cannot decrypt the other's
values. So the database stores fingerprints of its keys, never a key.

The rule for each kind of key: a process has every registered key, and writes with a registered one. It may
have more keys, which it does not use: a new key is first given to every machine and then registered. If no
key of a kind is registered, any key is accepted, and the next start registers its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.management.base import CommandError

from apps.core import encryption
from apps.core.connections import DATABASE_ERRORS
from apps.core.encryption import digest_fingerprints, key_fingerprint, read_keys
from apps.core.models import KeyFingerprint, KeyInUse

logger = structlog.get_logger(__name__)

HINT = 'To accept a new key, use manage.py rotate_keys --add (docs/operating.md, "Keys").'


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A kind of key.

    ``setting`` is the name of the setting, for messages. ``fingerprints`` returns the fingerprints (64 hex
    digits) of the keys of this process. ``chosen``: the database says which of them is in use; otherwise it
    is always the first. ``former``: those of the keys that only verify, and are never in use.
    """

    name: str
    setting: str
    fingerprints: Callable[[], Sequence[str]]
    chosen: bool = True
    former: Callable[[], Sequence[str]] = tuple


_kinds: dict[str, KeyKind] = {}


def register_kind(kind: KeyKind) -> None:
    """Register a kind of key. Called from an app's ``ready()``; replaces a kind with the same name."""
    _kinds[kind.name] = kind


def kinds() -> tuple[KeyKind, ...]:
    """Every kind of key, in the order of registration."""
    return tuple(_kinds.values())


def label_of(kind: str, fingerprint: str) -> str:
    """The name of a key for people: its kind and the beginning of its fingerprint."""
    return f"{kind}:{fingerprint[:16]}"


def own_labels() -> list[str]:
    """The labels of every key of this process, sorted."""
    return sorted(label_of(kind.name, one) for kind in kinds() for one in kind.fingerprints())


def registered_fingerprints() -> dict[str, set[str]]:
    """The registered fingerprints by name of kind, without retired ones; an empty set for a kind without any.

    Raises ``DatabaseError`` and ``InterfaceError``.
    """
    found: dict[str, set[str]] = {kind.name: set() for kind in kinds()}
    needed = KeyFingerprint.objects.filter(retired_at=None)
    for name, fingerprint in needed.values_list("kind", "fingerprint"):
        found.setdefault(name, set()).add(fingerprint)
    return found


def problems() -> list[str]:
    """The problems with the keys of this process, one sentence for each setting; empty if there are none.

    The sentences contain names of settings, never values. Raises ``DatabaseError`` and ``InterfaceError``.
    """
    accepted = registered_fingerprints()
    return [problem for kind in kinds() if (problem := _problem(kind, accepted[kind.name]))]


def are_accepted() -> bool:
    """Whether this database accepts the keys of this process; logs the problems. Used for readiness."""
    found = problems()
    if found:
        logger.error("keys_not_accepted", problems=found)
    return not found


def problems_message(found: Sequence[str]) -> str:
    """The message with these problems for a start or a command that stops because of them."""
    lines = "\n".join(f"  - {problem}" for problem in found)
    return f"These keys do not belong to this database:\n{lines}\n{HINT}"


def require_accepted_keys() -> None:
    """Raise ``CommandError`` if this database does not accept the keys of this process.

    Does nothing if the database does not answer: the command reports that itself.
    """
    try:
        found = problems()
    except DATABASE_ERRORS:
        return
    if found:
        raise CommandError(problems_message(found))


def _problem(kind: KeyKind, accepted: set[str]) -> str:
    """The problem with the keys of one kind, given its registered fingerprints; or ``""``."""
    if not accepted:
        return ""
    fingerprints = kind.fingerprints()
    if not kind.chosen and fingerprints[0] not in accepted:
        return f"{kind.setting}: the key in use is not one that this database accepts"
    if not accepted.issubset(fingerprints):
        return f"{kind.setting}: a key is missing that this database needs"
    former = kind.former()
    if former and KeyInUse.objects.filter(kind=kind.name, fingerprint__in=former).exists():
        return f"{kind.setting}: the key in use is only among the former ones, which write nothing"
    return ""


# --- The kinds of this app ------------------------------------------------------------------------
def _encryption() -> list[str]:
    return [key_fingerprint(key).hex() for key in read_keys(settings.ENCRYPTION_KEYS)]


ENCRYPTION = KeyKind(encryption.ENCRYPTION, "ENCRYPTION_KEYS", _encryption)
DIGEST = KeyKind(encryption.DIGEST, "DIGEST_KEYS", digest_fingerprints)
