"""Rows are written again with the key that was put to use last, by the worker, in short transactions.

Each transaction also stores the position reached: a killed worker loses one transaction at most, and any
number of workers may run. Nothing waits for them, because every process reads with every key meanwhile.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Iterator, Sequence

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Max, Sum

from apps.audit.events import Event
from apps.audit.recording import record
from apps.core import clock, encryption, key_fingerprints, keys_in_use, personal_data
from apps.core.actor import Actor
from apps.core.encryption import DIGEST, ENCRYPTION
from apps.core.models import KeyInUse, KeyRewriting
from apps.core.personal_data import PersonalModel, RewrittenRows
from consumerportal.audit_events import KEY_REWRITTEN

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 250
ROUND_SECONDS = 1.0
"""Time that one round of the worker spends here, so that its other duties are not delayed."""
PAUSE_SECONDS = 0.02
"""Time between two transactions in which other processes can write: SQLite lets one writer in at a time."""


def models_of(kind: str) -> tuple[PersonalModel, ...]:
    """The models with values under keys of this kind."""
    registered = personal_data.registered()
    if kind == ENCRYPTION:
        return registered
    return tuple(one for one in registered if one.digests) if kind == DIGEST else ()


def rewrite_due(actor: Actor, *, after: datetime.timedelta, stop: threading.Event) -> int:
    """Write rows again for :data:`ROUND_SECONDS` at most, and return how many.

    ``after``: how long the key has to be in use before this begins. By then no process writes with another.
    """
    end = time.monotonic() + ROUND_SECONDS
    rows = 0
    while not stop.is_set() and time.monotonic() < end:
        one = _next(after)
        if one is None:
            break
        rows += _rewrite_next_rows(one, actor)
        stop.wait(PAUSE_SECONDS)
    return rows


def dry_run(kind: str, fingerprint: str) -> Iterator[tuple[str, int, int, int]]:
    """What putting this key to use would do: model, rows, how many change, how many cannot be read."""
    for definition in models_of(kind):
        rows = changes = unreadable = position = 0
        while pks := _pks_after(definition.model, position, None):
            rewritten = _rewritten_rows(kind, definition.model, pks, fingerprint)
            rows, position = rows + len(pks), pks[-1]
            changes, unreadable = changes + rewritten.changes, unreadable + len(rewritten.unreadable)
        yield definition.model._meta.label, rows, changes, unreadable


def encrypted_values() -> dict[str, int]:
    """How many encrypted values there are under each key, by its label. Reads every row.

    A key that is neither of this process nor registered is named by the id in the values (8 hex digits).
    """
    known = {
        *key_fingerprints.ENCRYPTION.fingerprints(),
        *key_fingerprints.registered_fingerprints()[ENCRYPTION],
    }
    labels = {encryption.encryption_key_id(one): key_fingerprints.label_of(ENCRYPTION, one) for one in known}
    found: dict[str, int] = {}
    quote, binary = connection.ops.quote_name, models.BinaryField().db_type(connection)
    for definition in personal_data.registered():
        table = quote(definition.model._meta.db_table)
        for column in definition.encrypted:
            name = quote(column.name)
            # SQLite stores a value of any type, and of a text or a number it returns the beginning as text.
            beginning = f"substr(CAST({name} AS {binary}), 1, {encryption.KEY_ID_BYTES})"
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {beginning}, count(*) FROM {table} GROUP BY 1")  # noqa: S608  # names only
                for key_id, rows in cursor.fetchall():
                    if key_id:
                        label = labels.get(bytes(key_id), f"{ENCRYPTION}:{bytes(key_id).hex()}")
                        found[label] = found.get(label, 0) + rows
    return found


def remaining(kind: str) -> int:
    """How many rows are not written again yet, or cannot be read: they may be under a former key.

    Rows that are deleted meanwhile count until their model is finished.
    """
    rows = 0
    for one in KeyRewriting.objects.filter(kind=kind):
        if one.started_at is None:
            rows += apps.get_model(one.model)._default_manager.count()
        elif one.finished_at is None:
            rows += max(one.rows - one.done, 0)
        rows += one.unreadable
    return rows


def _next(after: datetime.timedelta) -> KeyRewriting | None:
    """The model to go on with, begun if it was not; None if there is nothing to do now."""
    one = KeyRewriting.objects.filter(finished_at=None).order_by("kind", "model").first()
    if one is None or one.started_at is not None:
        return one
    in_use = KeyInUse.objects.filter(kind=one.kind).first()
    if in_use is None or clock.now() - in_use.since < after:
        return None
    model = apps.get_model(one.model)
    one.last = model._default_manager.aggregate(last=Max("pk"))["last"] or 0
    one.rows = model._default_manager.filter(pk__lte=one.last).count()
    one.started_at = clock.now()
    begun = KeyRewriting.objects.filter(pk=one.pk, started_at=None)
    begun.update(last=one.last, rows=one.rows, started_at=one.started_at)
    return KeyRewriting.objects.filter(pk=one.pk, finished_at=None).first()


def _rewrite_next_rows(one: KeyRewriting, actor: Actor) -> int:
    """Write the next rows again, and return how many; 0 if another worker was quicker or a row has changed.

    The transaction is short: values are read and computed before it. A row that has changed meanwhile is read
    again by the next attempt.
    """
    keys_in_use.refresh()
    if keys_in_use.current(one.kind) != one.fingerprint:  # another key has just been put to use
        return 0
    model = apps.get_model(one.model)
    pks = _pks_after(model, one.position, one.last)
    rewritten = _rewritten_rows(one.kind, model, pks, one.fingerprint) if pks else None
    is_last = len(pks) < ROWS_AT_ONCE
    with transaction.atomic():
        if connection.vendor == "postgresql" and not is_last:
            with connection.cursor() as cursor:
                # If the server loses the latest rows, it loses their position with them.
                cursor.execute("SET LOCAL synchronous_commit = off")
        position = pks[-1] if pks else one.position
        claimed = KeyRewriting.objects.filter(
            pk=one.pk, position=one.position, fingerprint=one.fingerprint, finished_at=None
        ).update(
            position=position,
            done=one.done + len(pks),
            finished_at=clock.now() if is_last else None,
        )
        if not claimed:
            return 0
        if rewritten is not None and not rewritten.write():
            transaction.set_rollback(True)
            return 0
        if rewritten is not None and rewritten.unreadable:
            KeyRewriting.objects.filter(pk=one.pk).update(
                unreadable=one.unreadable + len(rewritten.unreadable)
            )
        if is_last and not KeyRewriting.objects.filter(kind=one.kind, finished_at=None).exists():
            _record_end(one, actor)
    for public_id in rewritten.unreadable if rewritten is not None else ():
        logger.error("row_not_rewritten %s %s %s", one.kind, one.model, public_id)
    return len(pks)


def _record_end(one: KeyRewriting, actor: Actor) -> None:
    sums = KeyRewriting.objects.filter(kind=one.kind).aggregate(
        done=Sum("done"), unreadable=Sum("unreadable")
    )
    label = key_fingerprints.label_of(one.kind, one.fingerprint)
    data = {"keys": [label], "rows": sums["done"] - sums["unreadable"], "unreadable": sums["unreadable"]}
    record(Event(KEY_REWRITTEN, actor, data=data))


def _pks_after(model: type[models.Model], position: int, last: int | None) -> Sequence[int]:
    rows = model._default_manager.filter(pk__gt=position)
    if last is not None:
        rows = rows.filter(pk__lte=last)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS_AT_ONCE])


def _rewritten_rows(
    kind: str, model: type[models.Model], pks: Sequence[int], fingerprint: str
) -> RewrittenRows:
    make = personal_data.re_encrypt_rows if kind == encryption.ENCRYPTION else personal_data.re_digest_rows
    return make(model, pks, fingerprint)
