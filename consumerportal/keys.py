"""Making the keys of this process known to the database: at the first start, and on purpose later."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection, transaction

from apps.audit.events import Event
from apps.audit.recording import lock_head, record
from apps.core import key_fingerprints
from apps.core.actor import Actor
from apps.core.models import KeyFingerprint
from consumerportal.audit_events import KEYS_FORGOTTEN, KEYS_REGISTERED


class KeysNotAcceptedError(Exception):
    """The keys of this process do not belong to this database. The text is the message for the operator."""


class Change(NamedTuple):
    """What :func:`register_keys` changed: "kind:beginning of the fingerprint" of each key."""

    added: list[str]
    forgotten: list[str]


def accept_keys(actor: Actor) -> None:
    """Demand at a start that the keys of this process are those of the database.

    Of a kind of which the database knows no key yet, those of this process are registered.
    Raises :class:`KeysNotAcceptedError` and the database's errors.
    """
    known = key_fingerprints.registered()
    if not all(known[kind.name] for kind in key_fingerprints.kinds()):
        _register_first(actor)
    if problems := key_fingerprints.problems():
        raise KeysNotAcceptedError(key_fingerprints.refusal(problems))


@transaction.atomic
def register_keys(actor: Actor, *, forget_missing: bool = False) -> Change:
    """Accept every key that this process holds from now on; every machine has to hold them then.

    ``forget_missing`` removes the registered keys that this process does not hold: what they encrypted cannot
    be read any more, what they digested is not found. Without it, a missing key raises
    :class:`KeysNotAcceptedError` and nothing changes.
    """
    known = _locked()
    held = {kind.name: kind.held() for kind in key_fingerprints.kinds()}
    missing = {name: known[name].difference(keys) for name, keys in held.items()}
    if any(missing.values()) and not forget_missing:
        problems = [
            f"{kind.setting}: a key is missing that this database needs"
            for kind in key_fingerprints.kinds()
            if missing[kind.name]
        ]
        raise KeysNotAcceptedError(key_fingerprints.refusal(problems))
    for name, keys in missing.items():
        KeyFingerprint.objects.filter(kind=name, fingerprint__in=keys).delete()
    forgotten = _short(missing)
    if forgotten:
        record(Event(KEYS_FORGOTTEN, actor, data={"keys": forgotten}))
    added = _add({name: set(keys) - known[name] for name, keys in held.items()}, actor)
    return Change(added, forgotten)


@transaction.atomic
def _register_first(actor: Actor) -> None:
    known = _locked()  # of several machines that start at once, one registers and the others find its keys
    _add({kind.name: set(kind.held()) for kind in key_fingerprints.kinds() if not known[kind.name]}, actor)


def _locked() -> dict[str, set[str]]:
    """The registered keys, which nobody else changes until the commit."""
    with connection.cursor() as cursor:
        lock_head(cursor)
    return key_fingerprints.registered()


def _add(keys: dict[str, set[str]], actor: Actor) -> list[str]:
    KeyFingerprint.objects.bulk_create(
        KeyFingerprint(kind=name, fingerprint=one) for name, new in keys.items() for one in sorted(new)
    )
    added = _short(keys)
    if added:
        record(Event(KEYS_REGISTERED, actor, data={"keys": added}))
    return added


def _short(keys: dict[str, set[str]]) -> list[str]:
    return [f"{name}:{one[:16]}" for name, found in keys.items() for one in sorted(found)]
