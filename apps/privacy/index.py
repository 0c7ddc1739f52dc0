"""Add what is missing in the index of the access report, from the events of the log.

The rows of the index are written with the events. Whoever deletes some of them hides events from the report,
but not from the log, and most of them follow from the events. Rows that are there stay: a few say more than
their event, and a row too many costs only one more reading, because each event is read to decide what it
showed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.consumers.audit_events import CONSUMER_COMPARED, SUBMISSIONS_LISTED
from apps.consumers.models import SEVERAL, UNBOUNDED, WIDEST, ShownKey, ShownRange, Submission, level_of
from apps.consumers.recording import BATCH, SEARCH, index_keys, index_range, key_of
from apps.core.actor import Actor
from apps.core.locks import hold
from apps.core.parts import VALUES_AT_ONCE, in_parts
from apps.core.references import RecordKind
from apps.core.runs import Run, read_runs, runs_of
from apps.history.audit_events import (
    EXPORT_CANCELLED,
    EXPORT_FAILED,
    EXPORT_FINISHED,
    EXPORT_STARTED,
    FIGURES_EXPORTED,
    FIGURES_VIEWED,
)
from apps.history.exports.shown_ranges import EXPORT_KEY
from apps.privacy import batches
from apps.privacy.audit_events import ACCESS_INDEX_COMPLETED
from apps.privacy.exports import texts_in
from apps.privacy.verdicts import NAMING

EVENTS_AT_ONCE: Final = 20_000
_LONGEST_KEY: Final = ShownKey._meta.get_field("key").max_length or 0
_MOST_LISTED: Final = 10_000  # rows of a list: far more than a page has
_OF_EXPORT: Final = tuple(
    one.name for one in (EXPORT_STARTED, EXPORT_FINISHED, EXPORT_FAILED, EXPORT_CANCELLED)
)
_FIGURES: Final = (FIGURES_VIEWED.name, FIGURES_EXPORTED.name)
_INDEXED: Final = (*NAMING, SUBMISSIONS_LISTED.name, *_FIGURES, *_OF_EXPORT, *batches.SHOWING)


@dataclass
class Completed:
    """What was checked and added. ``beyond``: events that showed more records than they name.

    For these the index cannot be made again from the log. ``unreadable``: events that say nothing.
    """

    events: int = 0
    keys: int = 0
    ranges: int = 0
    beyond: int = 0
    unreadable: int = 0


def complete_index(actor: Actor, *, progress: Callable[[int], object] = lambda seq: None) -> Completed:
    """Add the rows of the index that the log's events need and that are missing, and record what was added.

    The portal may run meanwhile, and so may another run of this. ``progress`` is called with the number of
    the last event of each part.
    """
    done, last = Completed(), 0
    while True:
        found = AuditEvent.objects.filter(seq__gt=last, action__in=_INDEXED).order_by("seq")
        # First the events, then the index: those recorded in between have their rows already.
        if not (events := [*found[:EVENTS_AT_ONCE]]):
            break
        last = events[-1].seq
        _complete(events, done)
        progress(last)
    facts = {"events": done.events, "keys": done.keys, "ranges": done.ranges, "beyond": done.beyond}
    with transaction.atomic():
        record(Event(ACCESS_INDEX_COMPLETED, actor, data={**facts, "unreadable": done.unreadable}))
    return done


def _complete(events: Sequence[AuditEvent], done: Completed) -> None:
    keys: dict[int, set[str]] = {}
    runs: dict[int, list[Run]] = {}
    exports: dict[int, Run | None] = {}
    for event in events:
        done.events += 1
        if not event.is_readable:
            done.unreadable += 1
            continue
        try:
            keys[event.seq] = _fitting(_keys_of(event))
            if event.action == SUBMISSIONS_LISTED.name:
                runs[event.seq] = _runs_of(event)
            elif event.action == EXPORT_STARTED.name:
                exports[event.seq] = _bounds_of(event)
        except (OverflowError, TypeError, ValueError):  # altered
            done.unreadable += 1
        done.beyond += _shows_more(event)
    with transaction.atomic():
        hold("access index")  # another run could read before this one adds rows, and add them twice
        _add_keys(keys, done)
        _add_ranges(events[0].seq, events[-1].seq, runs, exports, done)


def _keys_of(event: AuditEvent) -> Iterator[str]:
    """The keys under which the index has an event, as far as the event says them."""
    details = event.details
    if event.action in _OF_EXPORT:
        yield key_of(EXPORT_KEY, details.get("export") or "")
        return
    if event.action in batches.SHOWING:
        yield key_of(BATCH, details.get("batch") or "")
        for kind, names in zip((RecordKind.SUBMISSION, RecordKind.CONSUMER), batches.NAMES, strict=True):
            yield from (key_of(kind, one) for one in texts_in(details.get(names)))
        return
    if (search := details.get(SEARCH)) and event.action != SUBMISSIONS_LISTED.name:
        yield key_of(SEARCH, search)
    if event.action in _FIGURES:
        filters = details.get("filters") if details.get("count") else []
        named = [text.partition(":") for text in texts_in(filters)]
        kinds = {"consumer_ref": RecordKind.CONSUMER, "guest_ref": RecordKind.GUEST}
        yield from (key_of(kinds[name], ref) for name, _colon, ref in named if name in kinds and ref)
    elif event.action in NAMING and not (event.action == CONSUMER_COMPARED.name and event.submission):
        for kind, own, others in (
            (RecordKind.CONSUMER, event.consumer_ref, "consumers"),
            (RecordKind.GUEST, event.guest_ref, "guests"),
        ):
            yield from (key_of(kind, ref) for ref in [own, *texts_in(details.get(others))] if ref)


def _runs_of(event: AuditEvent) -> list[Run]:
    """The runs of a list. Raises ``ValueError`` for rows that no page has: an altered event may name any."""
    runs = read_runs(texts_in(event.details.get("rows")))
    rows = sum(last - first + 1 for first, last in runs)
    if rows > _MOST_LISTED or any(not 0 < first <= last < UNBOUNDED for first, last in runs):
        raise ValueError("the rows are not those of a list")
    return runs


def _bounds_of(event: AuditEvent) -> Run | None:
    """The lowest and the highest row of an export; None if nothing was selected when it was started."""
    bounds = (event.details.get("first"), event.details.get("last"))
    if bounds == (None, None):
        return None
    first, last = (int(one) for one in bounds)  # type: ignore[arg-type]  # TypeError: altered
    return first, last


def _fitting(keys: Iterable[str]) -> set[str]:
    """These keys. Raises ``ValueError`` for one that the index cannot have: its event was altered."""
    found = {*keys}
    if any(len(one) > _LONGEST_KEY or "\0" in one for one in found):
        raise ValueError("a key of no event")
    return found


def _shows_more(event: AuditEvent) -> bool:
    if event.action in batches.SHOWING:
        return batches.shows_more(event)
    details = event.details
    shown = (("shown", "consumers"), ("guest_count", "guests"))
    numbers = ((details.get(number), len(texts_in(details.get(names)))) for number, names in shown)
    return event.action in NAMING and any(isinstance(one, int) and one > known for one, known in numbers)


def _add_keys(wanted: dict[int, set[str]], done: Completed) -> None:
    if not wanted:
        return
    every = sorted(set().union(*wanted.values()))
    stored: set[tuple[str, int]] = set()
    for part in in_parts(every, VALUES_AT_ONCE):
        rows = ShownKey.objects.filter(key__in=part)
        rows = rows.filter(seq__gte=min(wanted), seq__lte=max(wanted))
        stored.update(rows.values_list("key", "seq"))
    for seq, keys in wanted.items():
        missing = sorted(key for key in keys if (key, seq) not in stored)
        if missing:
            index_keys(seq, missing)
            done.keys += len(missing)


def _add_ranges(
    first: int, last: int, runs: dict[int, list[Run]], exports: dict[int, Run | None], done: Completed
) -> None:
    stored: dict[int, list[Run]] = defaultdict(list)
    rows = ShownRange.objects.filter(seq__gte=first, seq__lte=last)
    owned: list[tuple[int, int, Run]] = []
    for seq, owner, level, begin, end in rows.values_list("seq", "owner", "level", "first", "last"):
        if level != level_of(begin, end):
            continue  # no report finds it
        if owner == SEVERAL:
            stored[seq].append((begin, end))
        else:
            owned.append((seq, owner, (begin, end)))
    for seq, run in _of_their_owners(owned, runs):
        stored[seq].append(run)
    for seq, shown in runs.items():
        missing = [own for own in shown if not _is_covered(own, stored[seq])]
        if missing:
            ids = sorted({one for begin, end in missing for one in range(begin, end + 1)})
            for begin, end in runs_of(ids, gap=WIDEST, widest=WIDEST):
                index_range(seq, begin, end)
                done.ranges += 1
    for seq, bounds in exports.items():
        if not stored[seq] or (bounds is not None and not _is_covered(bounds, stored[seq])):
            index_range(seq, 0, UNBOUNDED)  # its lowest possible row is not in the event; the worker ends it
            done.ranges += 1


def _of_their_owners(
    owned: Sequence[tuple[int, int, Run]], runs: dict[int, list[Run]]
) -> Iterator[tuple[int, Run]]:
    """The ranges whose submissions are of the owner: a report looks for them under their author only."""
    wanted = {begin for seq, _owner, _run in owned for begin, _end in runs.get(seq, ())}
    authors: dict[int, int] = {}
    for part in in_parts(sorted(wanted), VALUES_AT_ONCE):
        found = Submission.objects.filter(pk__in=part)
        authors.update(found.values_list("pk", "actor_id"))
    for seq, owner, run in owned:
        if all(authors.get(begin, owner) == owner for begin, _end in runs.get(seq, ())):
            yield seq, run


def _is_covered(own: Run, ranges: Iterable[Run]) -> bool:
    """Whether one of the ranges contains the run, or several together do."""
    at = own[0]
    for begin, end in sorted(ranges):
        if begin <= at <= end:
            at = end + 1
    return at > own[1]
