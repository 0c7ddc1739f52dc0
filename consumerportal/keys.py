"""The keys of the database: registering them, choosing the one in use, and giving one up.

Locks are taken in this order: keys in use, progress of rewriting, a list and its row, the order of a create,
submissions and other rows with values, the end of the audit log. Step 1 of a create and a group of rows that
the worker rewrites take those that they need in this order.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet

from apps.audit.events import Event
from apps.audit.recording import lock_head, record
from apps.consumers.models import OPEN_OUTCOMES, Submission
from apps.consumers.sending.digests import content_digest
from apps.core import clock, heartbeats, key_fingerprints, keys_in_use, personal_data
from apps.core.actor import Actor
from apps.core.encryption import DIGEST, ENCRYPTION
from apps.core.models import KeyFingerprint, KeyInUse, KeyRewriting
from consumerportal import key_rewriting
from consumerportal.audit_events import KEY_PUT_TO_USE, KEY_RETIRED, KEYS_FORGOTTEN, KEYS_REGISTERED

REWRITE_AFTER = datetime.timedelta(minutes=1)
"""Time after which no process writes with the former key any more: they read the one in use every few
seconds, and store what they have encrypted within seconds."""


_OPEN_UNREADABLE = (
    "The open submission {} cannot be read. Resolve it first: its repeat would not be recognised"
)


class KeysNotAcceptedError(Exception):
    """The database does not accept the keys of this process. The text is the message for the operator."""


class NotPossibleError(Exception):
    """A key cannot be put to use or retired now. The text is the reason, for the operator."""


class Change(NamedTuple):
    """The result of :func:`register_keys`: the labels of the keys."""

    added: list[str]
    forgotten: list[str]
    retired: list[str]
    """Not registered again, because they were retired."""
    put_to_use: list[str]
    """In use instead of forgotten ones."""


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
    keys_in_use.refresh()


def register_keys(actor: Actor, *, again: str = "", forget_missing: bool = False) -> Change:
    """Register every key of this process; from then on every machine must have all of them.

    Retired keys, which the settings contain for some time, are left out, except the one with the label
    ``again``. Raises :class:`NotPossibleError` if this process has no such key.

    The keys in use stay in use. ``forget_missing`` removes registered keys that this process does not have:
    values encrypted with them cannot be decrypted any more. Instead of a missing key in use, the first of the
    setting is put to use. Otherwise a missing key raises :class:`KeysNotAcceptedError` and nothing changes.
    """
    again_key = parse_label(again) if again else None
    change = _register_keys(actor, again=again_key, forget_missing=forget_missing)
    keys_in_use.refresh()
    return change


@transaction.atomic
def _register_keys(actor: Actor, *, again: tuple[str, str] | None, forget_missing: bool) -> Change:
    known = _lock_keys()
    every = {kind.name: list(kind.fingerprints()) for kind in key_fingerprints.kinds()}
    retired = {*KeyFingerprint.objects.exclude(retired_at=None).values_list("kind", "fingerprint")} - {again}
    own = {
        # If all are retired, the others are lost, and these are the only ones to write with.
        name: [one for one in keys if (name, one) not in retired] or keys
        for name, keys in every.items()
    }
    left_out = {name: {*keys}.difference(own[name]) for name, keys in every.items()}
    missing = {name: known[name].difference(keys) for name, keys in own.items()}
    if any(missing.values()) and not forget_missing:
        problems = [
            f"{kind.setting}: a key is missing that this database needs"
            for kind in key_fingerprints.kinds()
            if missing[kind.name]
        ]
        raise KeysNotAcceptedError(key_fingerprints.problems_message(problems))
    forgotten_in_use = [
        one for one in KeyInUse.objects.order_by("kind") if one.fingerprint in missing.get(one.kind, ())
    ]
    for name, keys in missing.items():
        KeyFingerprint.objects.filter(kind=name, fingerprint__in=keys).delete()
    for one in forgotten_in_use:
        # Changed in place: a create that waits for the row's lock then reads the new key, not a missing row.
        first = own[one.kind][0]
        KeyInUse.objects.filter(kind=one.kind).update(fingerprint=first, since=clock.now())
        _begin_writing_with(one.kind, first, unreadable_too=True)
    forgotten = _labels_of(missing)
    if forgotten:
        record(Event(KEYS_FORGOTTEN, actor, data={"keys": forgotten}))
    added = _register(
        {name: [one for one in keys if one not in known[name]] for name, keys in own.items()}, actor
    )
    for one in forgotten_in_use:
        _record_put_to_use(one.kind, own[one.kind][0], one.fingerprint, actor)
    put_to_use = [key_fingerprints.label_of(one.kind, own[one.kind][0]) for one in forgotten_in_use]
    return Change(added, forgotten, _labels_of(left_out), put_to_use)


def use_key(label: str, actor: Actor) -> None:
    """Let every process write with this registered key, and begin to write existing rows again with it.

    ``label``: its beginning is enough, as in :func:`parse_label`.

    The key that is in use already: only begin again. Open submissions get their digest under a new digest key
    at once, so that the constraint on equal content compares digests of one key only.

    Raises :class:`NotPossibleError`, and changes nothing.
    """
    kind, fingerprint = _registered_key(label)
    label = key_fingerprints.label_of(kind, fingerprint)
    if any(one.name == kind and fingerprint in one.former() for one in key_fingerprints.kinds()):
        raise NotPossibleError(f"{label}: a former key only verifies")
    if lacking := _processes_without(label):
        raise NotPossibleError(f"{label}: these processes do not have the key yet: {lacking}")
    with transaction.atomic():
        before = keys_in_use.lock(kind, to_change=True)
        if fingerprint not in key_fingerprints.registered_fingerprints()[kind]:
            raise NotPossibleError(f"{label}: the key has been retired")
        KeyInUse.objects.filter(kind=kind).update(fingerprint=fingerprint, since=clock.now())
        _begin_writing_with(kind, fingerprint)
        _record_put_to_use(kind, fingerprint, before, actor)
    keys_in_use.refresh()


def obstacles(kind: str) -> list[str]:
    """What stops :func:`use_key` for this kind: a sentence for each open submission that is unreadable."""
    open_ = _open_submissions() if kind == DIGEST else Submission.objects.none()
    return [_OPEN_UNREADABLE.format(row.public_id) for row in open_ if not _is_readable(row)]


def retire_key(label: str, actor: Actor) -> None:
    """Remove a key that nothing needs any more from the registered keys, so that settings need not have it.

    Raises :class:`NotPossibleError`, and changes nothing.
    """
    check_retiring(label)
    kind, fingerprint = _registered_key(label)
    label = key_fingerprints.label_of(kind, fingerprint)
    with transaction.atomic():
        _lock_keys()
        if problem := _problem_of_retiring(kind, fingerprint):  # it may have been put to use since
            raise NotPossibleError(f"{label}: {problem}")
        KeyFingerprint.objects.filter(kind=kind, fingerprint=fingerprint).update(retired_at=clock.now())
        record(Event(KEY_RETIRED, actor, data={"keys": [label]}))


def check_retiring(label: str) -> None:
    """Raise :class:`NotPossibleError` if the key cannot be retired now. Reads every encrypted row."""
    kind, fingerprint = _registered_key(label)
    label = key_fingerprints.label_of(kind, fingerprint)
    problem = _problem_of_retiring(kind, fingerprint)
    if not problem and kind == ENCRYPTION:
        values = key_rewriting.encrypted_values().get(label, 0)
        if values:
            problem = f"{values} values are encrypted with it: --use the key in use to write them again"
    if problem:
        raise NotPossibleError(f"{label}: {problem}")


def _problem_of_retiring(kind: str, fingerprint: str) -> str:
    if kind not in (ENCRYPTION, DIGEST):
        return "keys of this kind are never retired, because nothing else verifies what they signed"
    in_use = KeyInUse.objects.get(kind=kind)
    if in_use.fingerprint == fingerprint:
        return "the key is in use"
    if lacking := _processes_without(key_fingerprints.label_of(kind, in_use.fingerprint)):
        return f"these processes do not have the key in use, and would have none: {lacking}"
    if clock.now() - in_use.since < REWRITE_AFTER:
        return f"another key was put to use less than {REWRITE_AFTER.seconds} seconds ago: try again later"
    for one in KeyRewriting.objects.filter(kind=kind).order_by("model"):
        if one.finished_at is None:
            return f"{one.model}: the rows are not all written again yet"
        if one.unreadable:
            return f"{one.model}: {one.unreadable} rows cannot be read (the log of the worker names them)"
    return ""


def _processes_without(label: str) -> str:
    """The running web processes and workers that do not have this key."""
    running = (*heartbeats.current(heartbeats.WEB), *heartbeats.current(heartbeats.WORKER))
    return ", ".join(sorted(beat.process for beat in running if label not in beat.keys))


def parse_label(label: str) -> tuple[str, str]:
    """The kind and the fingerprint of a key of this process.

    Raises :class:`NotPossibleError` if this process has no key, or several, with this label's beginning.
    """
    name, _, beginning = label.partition(":")
    found = [
        (kind.name, one)
        for kind in key_fingerprints.kinds()
        if kind.name == name
        for one in kind.fingerprints()
        if beginning and one.startswith(beginning)
    ]
    if len(found) != 1:
        raise NotPossibleError(f"{label}: this process has no such key")
    return found[0]


def _registered_key(label: str) -> tuple[str, str]:
    """The kind and the fingerprint of a registered key, which this process must have."""
    kind, fingerprint = parse_label(label)
    if not KeyInUse.objects.filter(kind=kind).exists():
        raise NotPossibleError(f"{label}: the setting says which key of this kind is in use")
    if fingerprint not in key_fingerprints.registered_fingerprints()[kind]:
        raise NotPossibleError(f"{label}: the key is not registered: use --add first")
    return kind, fingerprint


def _record_put_to_use(kind: str, fingerprint: str, former: str, actor: Actor) -> None:
    label = key_fingerprints.label_of
    data = {"keys": [label(kind, fingerprint)], "former": [label(kind, former)]}
    record(Event(KEY_PUT_TO_USE, actor, data=data))


def _begin_writing_with(kind: str, fingerprint: str, *, unreadable_too: bool = False) -> None:
    """Digest the open submissions with a new digest key, and have the worker write all rows again.

    Raises :class:`NotPossibleError` if one cannot be read, unless ``unreadable_too``.
    """
    # Waits for a group of rows, which locks its rows afterwards.
    KeyRewriting.objects.filter(kind=kind).delete()
    if kind == DIGEST:
        _digest_open_submissions(fingerprint, unreadable_too=unreadable_too)
    KeyRewriting.objects.bulk_create(
        KeyRewriting(kind=kind, model=one.model._meta.label, fingerprint=fingerprint)
        for one in key_rewriting.models_of(kind)
    )


def _digest_open_submissions(fingerprint: str, *, unreadable_too: bool) -> None:
    for row in _open_submissions().select_for_update(no_key=True):
        if not _is_readable(row):
            if unreadable_too:
                continue
            raise NotPossibleError(_OPEN_UNREADABLE.format(row.public_id))
        consumer = row.consumer
        if consumer is not None:
            digest = content_digest(row.order_ref, consumer, key=fingerprint)
            Submission.objects.filter(pk=row.pk).update(content_digest=digest)


def _open_submissions() -> QuerySet[Submission]:
    """Those that a repeat is compared with, in the order in which they are locked."""
    return Submission.objects.filter(outcome__in=OPEN_OUTCOMES).exclude(content_digest=b"").order_by("pk")


def _is_readable(submission: Submission) -> bool:
    return personal_data.problem_of(submission, "encrypted_consumer") is None


@transaction.atomic
def _register_first(actor: Actor) -> None:
    known = _lock_keys()  # if several machines start at the same time, only one registers its keys
    _register(
        {kind.name: kind.fingerprints() for kind in key_fingerprints.kinds() if not known[kind.name]},
        actor,
    )


def _lock_keys() -> dict[str, set[str]]:
    """Lock the keys in use until the commit, as every change of keys does; return the registered keys."""
    kinds = sorted(one.name for one in key_fingerprints.kinds())
    in_use = [keys_in_use.lock(kind, to_change=True) for kind in kinds]
    if not any(in_use):
        with connection.cursor() as cursor:
            lock_head(cursor)  # there is no row yet that another process would wait for
    return key_fingerprints.registered_fingerprints()


def _register(keys: dict[str, Iterable[str]], actor: Actor) -> list[str]:
    """Store new fingerprints by kind, record the event, and return their labels.

    The first of a kind without a key in use is in use from now on.
    """
    for name, new in keys.items():  # retired ones that are registered again
        KeyFingerprint.objects.filter(kind=name, fingerprint__in=[*new]).exclude(retired_at=None).delete()
    KeyFingerprint.objects.bulk_create(
        KeyFingerprint(kind=name, fingerprint=one) for name, new in keys.items() for one in sorted({*new})
    )
    used = set(KeyInUse.objects.values_list("kind", flat=True))
    KeyInUse.objects.bulk_create(
        KeyInUse(kind=kind.name, fingerprint=kind.fingerprints()[0])
        for kind in key_fingerprints.kinds()
        if kind.chosen and kind.name in keys and kind.name not in used
    )
    added = _labels_of(keys)
    if added:
        record(Event(KEYS_REGISTERED, actor, data={"keys": added}))
    return added


def _labels_of(keys: dict[str, Iterable[str]] | dict[str, set[str]]) -> list[str]:
    return [key_fingerprints.label_of(name, one) for name, found in keys.items() for one in sorted(found)]
