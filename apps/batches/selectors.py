"""Read batches and their rows. A row's state is the outcome of its submission, or its own without one."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from apps.batches.models import ENDED_STATES, Batch, BatchRow, BatchState, OwnState, RowState, SourceKind
from apps.cdp.errors import ErrorCode
from apps.consumers.models import CORRECTABLE_OUTCOMES, Outcome, Submission
from apps.consumers.selectors import IS_OPEN, KNOWN_OUTCOME, MAY_EXIST, submissions_on_order

NO_ROWS: Final = dict.fromkeys(RowState, 0)
# Without a version that was confirmed, a row is not confirmed.
_CONFIRMED: Final = Q(confirmed_version__isnull=False, confirmed_version=F("version"))
NEWEST_BY: Final = ("created_at", "id")
"""The key of the list of batches, for ``core.keyset``."""
_UNDER_WAY: Final = (BatchState.SENDING, BatchState.PAUSED)
MAX_GOING_ON: Final = 10
"""Maximum number of batches on the start page."""


def count_under_way(person_id: int) -> dict[BatchState, int]:
    """How many batches that a person confirmed are being sent, and how many are paused."""
    own = Batch.objects.filter(confirmed_by_id=person_id, state__in=_UNDER_WAY).order_by()
    counts = dict(own.values_list("state").annotate(Count("pk")))
    return {state: counts.get(state, 0) for state in _UNDER_WAY}


def rows_of(batch: Batch) -> QuerySet[Any]:
    """The rows, each a ``BatchRow`` with its state as ``current``, in the order of the file.

    A row that was already sent is unchecked again once the submission that it names has created nothing, or
    was created with other content.
    """
    return _with_state(batch.rows.order_by("number"))


def _with_state(rows: QuerySet[BatchRow]) -> QuerySet[Any]:
    outcome = Submission.objects.filter(token=OuterRef("token")).values(known=KNOWN_OUTCOME)[:1]
    earlier = Submission.objects.filter(public_id=OuterRef("earlier"))
    existing, is_open = (earlier.filter(some) for some in (MAY_EXIST, IS_OPEN))
    is_not_sent = ~Exists(existing) | Q(earlier_differs=True) & ~Exists(is_open)
    own = Case(
        When(Q(state=OwnState.ALREADY_SENT) & is_not_sent, then=Value(OwnState.UNCHECKED.value)),
        default=F("state"),
    )
    current = Coalesce(Subquery(outcome), own, output_field=CharField())
    return rows.annotate(current=current)


def rows_in(batch: Batch, states: Iterable[RowState]) -> QuerySet[Any]:
    """Those of :func:`rows_of` in one of these states."""
    return rows_of(batch).filter(current__in=list(states))


def rows_to_confirm(batch: Batch) -> QuerySet[Any]:
    """The rows that the next confirmation is about: ready, and while the batch is sent, not confirmed yet."""
    ready = rows_in(batch, [RowState.READY])
    return ready.filter(~_CONFIRMED) if batch.state == BatchState.SENDING else ready


def rows_not_sent_after_all(batch: Batch) -> QuerySet[Any]:
    """The rows that were already sent, until the submission that they name was resolved in another way."""
    return rows_in(batch, [RowState.UNCHECKED]).filter(state=OwnState.ALREADY_SENT)


def has_row_to_check_again(batch: Batch) -> bool:
    """Whether a row that was confirmed as it is has to be checked again before it can be sent."""
    return rows_not_sent_after_all(batch).filter(_CONFIRMED).exists()


def rows_to_send(batch: Batch) -> QuerySet[Any]:
    """The rows that are ready and confirmed as they are, in the order in which they are sent."""
    return rows_in(batch, [RowState.READY]).filter(_CONFIRMED)


def rows_for_new_list(batch: Batch) -> QuerySet[Any]:
    """The rows that a new batch can be made of; none before the end of this one, and after its erasure.

    Their outcome proves that no consumer was created. Of a stopped batch, also those that were not sent,
    except for those that its author had left out, and those that another submission has sent.
    """
    wanted = Q(current__in=CORRECTABLE_OUTCOMES)
    if batch.state == BatchState.STOPPED:
        own = (OwnState.UNCHECKED, OwnState.NEEDS_ATTENTION, OwnState.READY)
        wanted |= Q(current__in=own) | Q(current=OwnState.LEFT_OUT, left_out_by_stop=True)
    rows = rows_of(batch).filter(wanted).exclude(encrypted_values=b"")
    return rows if batch.state in ENDED_STATES else rows.none()


def count_not_confirmed(batch: Batch) -> int:
    """How many rows are ready, but were corrected or taken back in since the batch was confirmed."""
    return rows_in(batch, [RowState.READY]).filter(~_CONFIRMED).count()


def replacement_of(batch: Batch) -> Batch | None:
    """The newest batch that was made in place of this one; None without any."""
    return Batch.objects.filter(replaces=batch).order_by("-created_at", "-id").first()


def has_open_submission(batch: Batch) -> bool:
    """Whether a row of the batch is being sent or unknown."""
    return Submission.objects.filter(IS_OPEN, batch=batch.public_id).exists()


def in_flight_on_order(order_ref: str) -> QuerySet[Submission]:
    """The submissions that are being sent to the order for any batch: at most one, unless a process died."""
    return submissions_on_order(order_ref).filter(batch__isnull=False, outcome=Outcome.SENDING)


def last_attempt(batch: Batch, number: int) -> Submission | None:
    """The latest submission that was made for a row; None before the first."""
    return submissions_of(batch).filter(batch_row=number).last()


def token_to_repeat(batch: Batch) -> uuid.UUID | None:
    """The token of a row that was answered "too many requests" by a process that died before it went on."""
    limited = Submission.objects.filter(
        batch=batch.public_id, outcome=Outcome.REJECTED, error_code=ErrorCode.RATE_LIMITED
    )
    confirmed = batch.rows.filter(_CONFIRMED, state=OwnState.READY)
    return limited.filter(token__in=confirmed.values("token")).values_list("token", flat=True).first()


def asked_to_wait_until(now: dt.datetime, *, at_most: float) -> dt.datetime | None:
    """Until when the vendor asked to wait in its answers "too many requests"; None without one. May be past.

    Also in an answer to an entry of the form: the limit is one for the whole portal. ``at_most``: the seconds
    after an answer that count; ``now``: answers older than that are over. A ``Retry-After`` of another answer
    is about the one request, or from a proxy, and does not count.
    """
    limited = Submission.objects.filter(retry_after__isnull=False, error_code=ErrorCode.RATE_LIMITED)
    recent = limited.filter(finished_at__gt=now - dt.timedelta(seconds=at_most))
    ends = [
        finished_at + dt.timedelta(seconds=min(seconds, at_most))
        for finished_at, seconds in recent.values_list("finished_at", "retry_after")
        if finished_at is not None and seconds is not None
    ]
    return max(ends, default=None)


def count_by_state(batch: Batch) -> dict[RowState, int]:
    """How many rows are in each state. One statement: the sum is the number of rows at every moment."""
    counted = rows_of(batch).order_by().values_list("current").annotate(Count("pk"))
    return NO_ROWS | {RowState(state): count for state, count in counted}


def counts_by_state(batches: Iterable[Batch]) -> dict[int, dict[RowState, int]]:
    """:func:`count_by_state` of several batches, by primary key. One statement for all of them."""
    counts = {batch.pk: dict(NO_ROWS) for batch in batches}
    if counts:
        rows = _with_state(BatchRow.objects.filter(batch__in=list(counts)))
        for pk, state, count in rows.values_list("batch", "current").annotate(Count("pk")):
            counts[pk][RowState(state)] = count
    return counts


def find_visible(public_id: uuid.UUID, person_id: int, *, sees_all: bool) -> Batch | None:
    """The batch with this id; None if it does not exist or the person may not see it."""
    return visible(person_id, sees_all=sees_all).filter(public_id=public_id).first()


def exists(public_id: uuid.UUID) -> bool:
    """Whether there is a batch with this id, whoever may see it."""
    return Batch.objects.filter(public_id=public_id).exists()


def visible(person_id: int, *, sees_all: bool) -> QuerySet[Batch]:
    """The batches that the person may see, newest first: their own, or everybody's."""
    scope = Q() if sees_all else Q(author_id=person_id)
    return Batch.objects.filter(scope).order_by("-created_at", "-id")


def submissions_of(batch: Batch) -> QuerySet[Submission]:
    """Every submission that was made for the batch, also those of rows that were sent again."""
    return (
        Submission.objects.filter(batch=batch.public_id).defer("refs_before").order_by("submitted_at", "id")
    )


def submissions_of_rows(rows: Iterable[Any]) -> dict[uuid.UUID, Submission]:
    """The submissions of these rows and the earlier ones of rows already sent, by token and by public id.

    One submission may be both: that of a row, and the reason why another row is already sent.
    """
    rows = list(rows)
    own = Q(token__in=[row.token for row in rows])
    earlier = Q(public_id__in=[row.earlier for row in rows if row.earlier])
    found = [*Submission.objects.filter(own | earlier).defer("refs_before")]
    return {one.token: one for one in found} | {one.public_id: one for one in found}


def submission_of_row(row: Any, submissions: Mapping[uuid.UUID, Submission]) -> Submission | None:
    """The row's own submission, else the one because of which it is already sent; None without one.

    A row that was released or left out since still names the latter, but has nothing to do with it any more.
    ``submissions``: from :func:`submissions_of_rows`.
    """
    own = submissions.get(row.token)
    return submissions.get(row.earlier) if own is None and row.state == OwnState.ALREADY_SENT else own


def submissions_with_ids(public_ids: Iterable[str]) -> dict[str, Submission]:
    """These submissions, of any batch or none, by public id."""
    wanted = set(public_ids)
    found = Submission.objects.filter(public_id__in=wanted).defer("refs_before") if wanted else ()
    return {str(one.public_id): one for one in found}


def later_batches(rows: Iterable[tuple[uuid.UUID, int]]) -> set[uuid.UUID]:
    """The batches that replace those of these rows, directly or not, and have a row with the number.

    ``rows``: public id of a batch and number of a row. Failed rows keep their numbers, and so do those of a
    corrected file.
    """
    found: set[uuid.UUID] = set()
    numbers: dict[uuid.UUID, set[int]] = defaultdict(set)
    for public_id, number in rows:
        numbers[public_id].add(number)
    while numbers:
        replacing = Batch.objects.filter(replaces__public_id__in=numbers)
        later = dict(replacing.values_list("public_id", "replaces__public_id"))
        wanted = {public_id: numbers[replaced] for public_id, replaced in later.items()}
        having = BatchRow.objects.filter(batch__public_id__in=wanted).values_list(
            "batch__public_id", "number"
        )
        found.update(public_id for public_id, number in having if number in wanted[public_id])
        numbers = defaultdict(set, wanted)
    return found


def going_on(person_id: int) -> list[Batch]:
    """The person's batches that are not ended: those being sent, paused ones, others; each newest first.

    Also a finished one with rows that were never sent and wait for the person: ready ones to be confirmed.
    Of those that are neither sent nor paused, none that a corrected file replaces, or that was erased.
    """
    of_person = visible(person_id, sees_all=False)
    if not of_person.order_by().exists():  # nearly everybody: the start page asks this each time
        return []
    # Nearly all rows of finished batches are ready and confirmed: they were sent.
    rows = BatchRow.objects.filter(~Q(state=OwnState.READY) | ~_CONFIRMED, batch=OuterRef("pk"))
    undecided = [RowState.UNCHECKED, RowState.NEEDS_ATTENTION, RowState.READY]
    waiting = _with_state(rows).filter(current__in=undecided)
    unfinished = ~Q(state__in=ENDED_STATES) | Q(state=BatchState.FINISHED) & Exists(waiting)
    corrected = Batch.objects.filter(replaces=OuterRef("pk")).exclude(source=SourceKind.ROWS)
    replaced = Exists(corrected.exclude(state=BatchState.STOPPED))
    going = Q(state__in=_UNDER_WAY) | unfinished & ~replaced & Q(erased_at__isnull=True)
    first = Case(
        *(When(state=state, then=Value(rank)) for rank, state in enumerate(_UNDER_WAY)),
        default=Value(len(_UNDER_WAY)),
    )
    return [*of_person.filter(going).order_by(first, "-created_at", "-id")[:MAX_GOING_ON]]
