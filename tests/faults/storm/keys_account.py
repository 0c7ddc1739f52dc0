"""After a rotation: every value opens with the new keys alone, and every digest is one under the new key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models, transaction

from apps.audit.integrity import checkpoints
from apps.audit.models import AuditEvent
from apps.core import key_fingerprints, keys_in_use, personal_data
from apps.core.encryption import DIGEST, ENCRYPTION, KEY_ID_BYTES, encryption_key_id
from apps.core.models import KeyFingerprint, KeyInUse
from apps.core.personal_data import PersonalModel
from consumerportal.environment import split_list

BATCH = 500
LISTS = (
    "ENCRYPTION_KEYS",
    "DIGEST_KEYS",
    "AUDIT_MAC_KEYS",
    "AUDIT_FORMER_MAC_KEYS",
    "AUDIT_FORMER_PUBLIC_KEYS",
    "SECRET_KEY_FALLBACKS",
)
TEXTS = ("AUDIT_SIGNING_KEY", "SECRET_KEY")


def have_keys_of(environment: Mapping[str, str]) -> None:
    """Give this process the keys of a machine with that environment, and no others."""
    # A rotation that failed at its first step has given the machine none: it has those of this process.
    for name in LISTS:
        if name in environment:
            setattr(settings, name, split_list(environment[name]))
    for name in TEXTS:
        setattr(settings, name, environment.get(name, getattr(settings, name)))
    keys_in_use.refresh()


def values() -> int:
    """How many encrypted values there are."""
    return sum(bool(getattr(row, column.name)) for one, row in _rows() for column in one.encrypted)


def unreadable_values() -> Iterator[str]:
    """The encrypted values that do not open with the keys of this process."""
    for definition, row in _rows():
        for column in definition.encrypted:
            if problem := personal_data.problem_of(row, column.name):
                yield f"{column.label} {row.pk}: {problem}"


def values_under_another_key() -> Iterator[str]:
    """The encrypted values that are not under the encryption key in use."""
    key_id = encryption_key_id(KeyInUse.objects.get(kind=ENCRYPTION).fingerprint)
    for definition, row in _rows():
        for column in definition.encrypted:
            stored = bytes(getattr(row, column.name))
            if stored and stored[:KEY_ID_BYTES] != key_id:
                yield f"{column.label} {row.pk}"


def wrong_digests() -> Iterator[str]:
    """The rows whose digests are not those of their values under the digest key in use."""
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    for definition in personal_data.registered():
        if not definition.digests:
            continue
        pks = list(definition.model._default_manager.order_by("pk").values_list("pk", flat=True))
        for first in range(0, len(pks), BATCH):
            some = pks[first : first + BATCH]
            before = _digests(definition, some)
            with transaction.atomic():
                if not personal_data.re_digest_rows(definition.model, some, key).write():
                    yield f"{definition.model.__name__} {some[0]} to {some[-1]}: cannot be computed again"
                after = _digests(definition, some)
                transaction.set_rollback(True)
            for pk in sorted({pk for pk, *_digest in (before - after) + (after - before)}):
                yield f"{definition.model.__name__} {pk}"


def wrong_keys(labels_in_use: Mapping[str, str], retired: list[str]) -> Iterator[str]:
    """The keys in use and the retired ones that are not those."""
    for row in KeyInUse.objects.all():
        if key_fingerprints.label_of(row.kind, row.fingerprint) != labels_in_use[row.kind]:
            yield f"{row.kind}: another key is in use"
    found = KeyFingerprint.objects.exclude(retired_at=None)
    labels = sorted(key_fingerprints.label_of(row.kind, row.fingerprint) for row in found)
    if labels != sorted(retired):
        yield f"retired: {labels}"


def files_with_other_keys(files: Iterable[Path], key_ids: set[str]) -> Iterator[str]:
    """The files of checkpoints that were not signed with exactly these keys."""
    for file in files:
        signed = {checkpoint.key for _offset, checkpoint in checkpoints.read(file)}
        if signed != key_ids:
            yield f"{file.name}: signed by {sorted(signed)}"


def wrong_events(wanted: Mapping[str, int]) -> Iterator[str]:
    """The types of events of keys that are not recorded exactly so often."""
    recorded = Counter(AuditEvent.objects.filter(action__startswith="keys.").values_list("action", flat=True))
    for action in sorted({*recorded, *wanted}):
        if recorded[action] != wanted.get(action, 0):
            yield f"{action}: {recorded[action]}, not {wanted.get(action, 0)}"


def _rows() -> Iterator[tuple[PersonalModel, Any]]:
    for definition in personal_data.registered():
        for row in definition.model._default_manager.order_by("pk").iterator(chunk_size=BATCH):
            yield definition, row


def _digests(definition: PersonalModel, pks: list[int]) -> Counter[tuple[Any, ...]]:
    """The digests of rows: the key of the row, where it is stored, and what is stored."""
    found: Counter[tuple[Any, ...]] = Counter()
    for digest in definition.digests:
        row = digest.row or "pk"
        names = [row, digest.name, *(["kind"] if _has_kind(digest.model) else [])]
        for pk, stored, *kind in digest.model._default_manager.filter(**{f"{row}__in": pks}).values_list(
            *names
        ):
            found[pk, digest.model.__name__, bytes(stored), *kind] += 1
    return found


def _has_kind(model: type[models.Model]) -> bool:
    return any(one.name == "kind" for one in model._meta.get_fields())
