"""Registration of this process's keys in the database: at the first start, and later by command."""

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
    """The database does not accept the keys of this process. The text is the message for the operator."""


class Change(NamedTuple):
    """The result of :func:`register_keys`: "kind:beginning of the fingerprint" of each key."""

    added: list[str]
    forgotten: list[str]


def accept_keys(actor: Actor) -> None:
    """Check at a start that the database accepts the keys of this process.

    Registers the keys of every kind of which the database has none yet. Raises :class:`KeysNotAcceptedError`,
    ``DatabaseError`` and ``InterfaceError``.
    """
    known = key_fingerprints.registered_fingerprints()
    if not all(known[kind.name] for kind in key_fingerprints.kinds()):
        _register_first(actor)
    if problems := key_fingerprints.problems():
        raise KeysNotAcceptedError(key_fingerprints.problems_message(problems))


@transaction.atomic
def register_keys(actor: Actor, *, forget_missing: bool = False) -> Change:
    """Register every key of this process; from then on every machine must have all of them.

    ``forget_missing`` removes registered keys that this process does not have: values encrypted with them
    cannot be decrypted any more, and values digested with them are not found. Otherwise a missing key raises
    :class:`KeysNotAcceptedError` and nothing changes.
    """
    known = _lock_keys()
    own = {kind.name: kind.fingerprints() for kind in key_fingerprints.kinds()}
    missing = {name: known[name].difference(keys) for name, keys in own.items()}
    if any(missing.values()) and not forget_missing:
        problems = [
            f"{kind.setting}: a key is missing that this database needs"
            for kind in key_fingerprints.kinds()
            if missing[kind.name]
        ]
        raise KeysNotAcceptedError(key_fingerprints.problems_message(problems))
    for name, keys in missing.items():
        KeyFingerprint.objects.filter(kind=name, fingerprint__in=keys).delete()
    forgotten = _labels_of(missing)
    if forgotten:
        record(Event(KEYS_FORGOTTEN, actor, data={"keys": forgotten}))
    added = _register({name: set(keys) - known[name] for name, keys in own.items()}, actor)
    return Change(added, forgotten)


@transaction.atomic
def _register_first(actor: Actor) -> None:
    known = _lock_keys()  # if several machines start at the same time, only one registers its keys
    _register(
        {kind.name: set(kind.fingerprints()) for kind in key_fingerprints.kinds() if not known[kind.name]},
        actor,
    )


def _lock_keys() -> dict[str, set[str]]:
    """Lock the registered keys until the commit and return them."""
    with connection.cursor() as cursor:
        lock_head(cursor)
    return key_fingerprints.registered_fingerprints()


def _register(keys: dict[str, set[str]], actor: Actor) -> list[str]:
    """Store new fingerprints by kind, record the event, and return their labels."""
    KeyFingerprint.objects.bulk_create(
        KeyFingerprint(kind=name, fingerprint=one) for name, new in keys.items() for one in sorted(new)
    )
    added = _labels_of(keys)
    if added:
        record(Event(KEYS_REGISTERED, actor, data={"keys": added}))
    return added


def _labels_of(keys: dict[str, set[str]]) -> list[str]:
    return [f"{name}:{one[:16]}" for name, found in keys.items() for one in sorted(found)]
