"""Record events about submissions in the audit log, and index what they show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import transaction

from apps.audit.events import MAX_ITEMS, WORD, Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.cdp.consumers import OrderConsumer
from apps.consumers.altered_values import altered_values, not_recorded
from apps.consumers.audit_events import (
    CONSUMER_COMPARED,
    SUBMISSION_VIEWED,
    SUBMISSIONS_LISTED,
    VALUE_DOES_NOT_BELONG,
    VENDOR_RECORD_VIEWED,
)
from apps.consumers.models import SEVERAL, UNBOUNDED, WIDEST, ShownKey, ShownRange, Submission, level_of
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.core.bulk_writing import insert_rows
from apps.core.parts import in_parts
from apps.core.references import RecordKind, reference_key
from apps.core.runs import run_text, runs_of

SEARCH: Final = "search"
"""The kind of the keys of recorded searches."""
BATCH: Final = "batch"
"""The kind of the keys of lists of people."""


def event_of(event_type: EventType, submission: Submission, actor: Actor, **data: Any) -> Event:
    """An event about a submission; empty values are omitted from its data."""
    return Event(
        type=event_type,
        actor=actor,
        submission=str(submission.public_id),
        order_ref=submission.order_ref,
        consumer_ref=submission.consumer_ref,
        guest_ref=submission.guest_ref,
        data={name: value for name, value in data.items() if value not in (None, "", [])},
    )


def key_of(kind: str, name: object) -> str:
    """The key under which the index finds the events that name a record, a search or an export."""
    return f"{kind}:{reference_key(str(name))}"


def record_shown(event: Event, *, consumers: Iterable[str] = (), guests: Iterable[str] = ()) -> int:
    """Record an event that names consumers and guests of the vendor, and index it by them.

    ``consumers``, ``guests``: the references of all that were shown, besides those of the event itself. The
    event has them as ``consumers`` and ``guests``, up to :data:`MAX_ITEMS` each, if they are words. A search
    in its data is indexed, too. Call it as ``record``, whose sequence number it returns.
    """
    named = {"consumers": [*dict.fromkeys(consumers)], "guests": [*dict.fromkeys(guests)]}
    kept = {name: [ref for ref in refs if WORD.fullmatch(ref)][:MAX_ITEMS] for name, refs in named.items()}
    event = replace(event, data={**event.data, **{name: refs for name, refs in kept.items() if refs}})
    keys = [key_of(RecordKind.CONSUMER, ref) for ref in (event.consumer_ref, *named["consumers"]) if ref]
    keys += [key_of(RecordKind.GUEST, ref) for ref in (event.guest_ref, *named["guests"]) if ref]
    if search := event.data.get(SEARCH):
        keys.append(key_of(SEARCH, search))
    seq = record(event)
    index_keys(seq, keys)
    return seq


def index_keys(seq: int, keys: Iterable[str]) -> None:
    """Index an event that was recorded in this transaction by what it names."""
    insert_rows(ShownKey, ["key", "seq"], [(key, seq) for key in dict.fromkeys(keys)])


def delete_index_before(seq: int) -> None:
    """Delete what the index has about events before this one, which are no longer in the log."""
    for model in (ShownKey, ShownRange):
        model.objects.filter(seq__lt=seq).delete()


def index_range(seq: int, first: int, last: int, *, owner: int = SEVERAL) -> None:
    """Index an event that was recorded in this transaction by the submissions that it may have shown."""
    _insert_ranges([(seq, owner, first, last)])


def close_ranges(events: Sequence[int], last: int) -> None:
    """Set the last submission that exports may have shown. ``events``: the numbers of their starts."""
    for one in ShownRange.objects.filter(seq__in=events, last=UNBOUNDED):
        end = max(one.first, last)
        ShownRange.objects.filter(pk=one.pk).update(last=end, level=level_of(one.first, end))


def _insert_ranges(ranges: Sequence[tuple[int, int, int, int]]) -> None:
    rows = [(seq, owner, level_of(first, last), first, last) for seq, owner, first, last in ranges]
    insert_rows(ShownRange, ["seq", "owner", "level", "first", "last"], rows)


def record_viewed(submission: Submission, actor: Actor) -> None:
    """Record that the actor saw a submission's personal data, and the values found altered, each once."""
    altered = altered_values(submission)  # decrypts: before the first event locks the head of the log
    with transaction.atomic():
        record(event_of(SUBMISSION_VIEWED, submission, actor))
        # After it: the lock makes simultaneous views wait, so that none records a value twice.
        for value in not_recorded(submission, altered):
            record(event_of(VALUE_DOES_NOT_BELONG, submission, actor, value=value))


def record_consumer_read(
    submission: Submission, ref: str, *, result: str, actor: Actor, guest_ref: str = ""
) -> None:
    """Record that the portal read a consumer of the submission's order for the actor.

    ``result``: "found", or the code of the failure. ``guest_ref``: of the guest that the consumer belongs to.
    """
    data = {"kind": "order_consumer", "result": result}
    read = event_of(VENDOR_RECORD_VIEWED, submission, actor, **data)
    with transaction.atomic():
        record_shown(replace(read, consumer_ref=ref), guests=filter(None, [guest_ref]))


def record_consumers_shown(order_ref: str, shown: Iterable[Submission | OrderConsumer], actor: Actor) -> None:
    """Record that the actor saw these consumers on an order: of submissions, and as the vendor has them."""
    with transaction.atomic():
        for one in shown:
            _record_consumer(VENDOR_RECORD_VIEWED, SUBMISSION_VIEWED, order_ref, one, actor)


def record_copied_before(consumers: Iterable[str], guests: Iterable[str], actor: Actor) -> None:
    """Record that the actor sees entries that were filled from these consumers of Sitecore CDP.

    The consumers are not read again, and the details may have been typed over: the entries may have others.
    """
    data: dict[str, Value] = {"kind": "order_consumer", "result": "copied"}
    with transaction.atomic():
        record_shown(Event(VENDOR_RECORD_VIEWED, actor, data=data), consumers=consumers, guests=guests)


def record_warned(
    order_ref: str,
    *,
    shown: Iterable[Submission | OrderConsumer],
    compared: Iterable[Submission | OrderConsumer],
    actor: Actor,
) -> None:
    """Record the consumers that warnings were about: ``shown`` beside the entry, or only ``compared``.

    A reader who may not see a consumer's values still sees which fields agree with those of the entry.
    """
    with transaction.atomic():
        record_consumers_shown(order_ref, shown, actor)
        for one in compared:
            _record_consumer(CONSUMER_COMPARED, CONSUMER_COMPARED, order_ref, one, actor)


def _record_consumer(
    of_vendor: EventType, of_portal: EventType, order_ref: str, one: Submission | OrderConsumer, actor: Actor
) -> None:
    if isinstance(one, Submission):
        record(event_of(of_portal, one, actor))
        return
    data: dict[str, Value] = {}
    if of_vendor is VENDOR_RECORD_VIEWED:
        data = {"kind": "order_consumer", "result": "found"}
    event = Event(of_vendor, actor, order_ref=order_ref, consumer_ref=one.ref, data=data)
    record_shown(event, guests=filter(None, [one.guest_ref]))


def record_listed(
    shown: Sequence[Submission],
    *,
    viewer: Viewer,
    actor: Actor,
    filters: Sequence[str] = (),
    search: str = "",
) -> None:
    """Record that the actor saw a list of these submissions with consumers' names.

    The event has their row numbers, so it says exactly whom it showed. An event names at most
    :data:`MAX_ITEMS` rows; a longer list is recorded as several events. ``filters``: as
    ``SubmissionFilter.recorded`` returns them. ``search``: the public id of the search.
    """
    asked: dict[str, Value] = {"scope": viewer.scope}
    if filters:
        asked["filters"] = filters
    if search:
        asked[SEARCH] = search
    owners = {one.pk: one.actor_id for one in sorted(shown, key=lambda one: one.pk)}
    ids = [*owners]
    with transaction.atomic():
        for part in [*in_parts(ids, MAX_ITEMS)] or [[]]:  # an empty list is recorded, too
            _record_listed(part, {owners[pk] for pk in part}, asked, actor)


def _record_listed(
    ids: Sequence[int], owners: Collection[int], asked: Mapping[str, Value], actor: Actor
) -> None:
    """Record one event of a list. ``ids``: ascending; ``owners``: whose they are."""
    data: dict[str, Value] = {"count": len(ids), **asked}
    if ids:
        data |= {"first": ids[0], "last": ids[-1], "rows": [run_text(*run) for run in runs_of(ids)]}
    seq = record(Event(type=SUBMISSIONS_LISTED, actor=actor, data=data))
    if len(owners) == 1:
        [owner] = owners
        index_range(seq, ids[0], ids[-1], owner=owner)
    elif ids:
        spans = runs_of(ids, gap=WIDEST, widest=WIDEST)
        _insert_ranges([(seq, SEVERAL, first, last) for first, last in spans])
