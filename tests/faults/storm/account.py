"""Compare the portal's records with the vendor's consumers and the requests on the wire."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.audit.chain import GENESIS, Row, row_hash
from apps.audit.models import AuditEvent, AuditHead
from apps.consumers.models import CheckResult, Outcome, Submission
from apps.core.references import reference_key
from sandbox.faults.table import ROWS
from tests.faults.storm.entries import Entry
from tests.faults.storm.people import PageContents
from tests.faults.storm.rows import Line, Wire

OUTCOME_EVENTS = {
    "consumer.created",
    "consumer.rejected",
    "consumer.not_sent",
    "consumer.outcome_unknown",
    "consumer.resolved",
}
# Why an existing consumer may stay unknown after all checks.
NOT_DECIDABLE = (CheckResult.NOT_PROVEN, CheckResult.SHARED, CheckResult.SEVERAL, CheckResult.MISREAD)
# The answer came, but the process that should have read it was killed, or stopped beyond the deadline.
UNREAD_ANSWER = {"process_lost", "read_timeout", "total_timeout"}
_OUTCOME_OF = {row.fault: row.outcome_over_tls for row in ROWS}
# Faults by which the vendor itself creates two consumers for one request.
_DOUBLING = frozenset(row.fault for row in ROWS if row.done and row.makes > 1)


@dataclass
class Account:
    """All records at the end, and the problems found in them."""

    lines: list[Line]
    wire: Wire
    events: int
    problems: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unknown(self) -> list[Line]:
        """The submissions that are still unknown, each with its reason."""
        return [line for line in self.lines if line.outcome == Outcome.UNKNOWN]

    def note(self, what: str, lines: Iterable[object]) -> None:
        """Count a promise, and record its violations."""
        broken = [str(line) for line in lines]
        if broken:
            self.problems[what] = broken


def compare_records(
    wire: Wire,
    page_contents: Sequence[PageContents],
    entries: Sequence[Entry],
    spooled: Sequence[str],
    *,
    after: int = 0,
) -> Account:
    """Read all records and compare them. Needs Django. ``after``: the last submission before the storm."""
    actions = _actions()
    submissions = list(Submission.objects.filter(pk__gt=after).order_by("id"))
    per_order = Counter(entry.order for entry in entries)
    lines = []
    for submission in submissions:
        sent = submission.consumer
        assert sent is not None
        key = sent.identifiers[0].id
        lines.append(
            Line(
                submission,
                key,
                alone=per_order[submission.order_ref] == 1,
                creates=wire.creates.get(submission.order_ref.lower(), ()),
                consumers=wire.consumers.get(key, ()),
                actions=actions.get(str(submission.public_id), ()),
            )
        )
    account = Account(lines, wire, AuditEvent.objects.count())
    account.note("stuck in sending", (line for line in lines if line.outcome == Outcome.SENDING))
    _nothing_lost(account, page_contents, entries)
    _nothing_doubled(account)
    _all_true(account)
    _faults_end_as_they_should(account)
    account.note("events missing or wrong", (line for line in lines if not _has_complete_events(line)))
    known = {str(line.submission.public_id) for line in lines}
    account.note("events of submissions that are not there", sorted(set(actions) - known))
    account.note("the chain does not verify", breaks_in_the_chain())
    account.note("left in the spool", spooled)
    return account


def _nothing_lost(account: Account, page_contents: Sequence[PageContents], entries: Sequence[Entry]) -> None:
    lines = account.lines
    keys = {line.key for line in lines}
    account.note("consumers without a submission", sorted(set(account.wire.consumers) - keys))
    by_id = {str(line.submission.public_id): line for line in lines}
    by_key = {line.key: line for line in lines}
    account.note(
        "page shows a submission that is missing or another person's",
        (
            t
            for t in page_contents
            if t.submission and (by_id.get(t.submission) is None or by_id[t.submission].key != t.key)
        ),
    )
    account.note(
        "page shows an outcome that was wrong", (t for t in page_contents if not _holds(t, by_key.get(t.key)))
    )
    per_key = Counter(line.key for line in lines)
    account.note("several submissions for one entry", [key for key, n in per_key.items() if n > 1])
    account.note("submissions without an entry", sorted(keys - {entry.key for entry in entries}))


def _holds(page_contents: PageContents, line: Line | None) -> bool:
    """Whether a later outcome is allowed: only unknown and sending may change."""
    if line is None:
        return False
    if page_contents.ref and page_contents.ref.lower() not in (
        line.submission.consumer_ref.lower(),
        line.submission.late_consumer_ref.lower(),
    ):
        return False
    return page_contents.outcome in ("", "sending", "unknown", line.outcome)


def _nothing_doubled(account: Account) -> None:
    account.note(
        "consumers that exist twice",
        (key for key, found in account.wire.consumers.items() if len(found) > 1 + _doubled(account, found)),
    )
    account.note(
        "sent more than once", (line for line in account.lines if line.alone and len(line.creates) > 1)
    )
    submissions = Counter(line.submission.order_ref.lower() for line in account.lines)
    account.note(
        "more sends than submissions on an order",
        (order for order, sends in account.wire.creates.items() if len(sends) > submissions[order]),
    )
    page_contents = (line.submission for line in account.lines if not _may_have_another_ref(line))
    refs = Counter(submission.consumer_ref for submission in page_contents if submission.consumer_ref)
    account.note("references with several submissions", (ref for ref, n in refs.items() if n > 1))


def _doubled(account: Account, consumers: Sequence[dict[str, Any]]) -> int:
    """How many requests on the order of these consumers the vendor itself doubled."""
    orders = {consumer["order_ref"].lower() for consumer in consumers}
    creates = (create for order in orders for create in account.wire.creates.get(order, ()))
    return sum(create["fault"] in _DOUBLING for create in creates)


def _may_have_another_ref(line: Line) -> bool:
    """Whether the vendor may have answered with the reference of another consumer of the order.

    If that consumer was created after our list was read, and its own outcome is still unknown, the portal
    cannot detect it. If it was in our list, the row must have a doubt.
    """
    is_possible = not line.alone and any(create["fault"] == "known_ref" for create in line.creates)
    return is_possible and (bool(line.submission.doubt_code) or not _was_there_before(line))


def _was_there_before(line: Line) -> bool:
    """Whether the reference of a submission was on the order before its send."""
    row = line.submission
    before = {reference_key(ref) for ref in row.refs_before or []}
    return bool(row.consumer_ref) and reference_key(row.consumer_ref) in before


def _all_true(account: Account) -> None:
    def where(broken: Callable[[Line], bool]) -> Iterator[Line]:
        return (line for line in account.lines if broken(line))

    account.note(
        "created, but the vendor has another or none",
        where(
            lambda line: (
                line.outcome == Outcome.CREATED
                and not _may_have_another_ref(line)
                and line.submission.consumer_ref not in [consumer["ref"] for consumer in line.consumers]
            )
        ),
    )
    account.note(
        "created with a reference that was there before, and no doubt",
        where(
            lambda line: (
                line.outcome == Outcome.CREATED and _was_there_before(line) and not line.submission.doubt_code
            )
        ),
    )
    account.note(
        "not created, but the vendor has it",
        where(
            lambda line: (
                line.outcome in (Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED) and line.exists
            )
        ),
    )
    account.note(
        "exists and could have been found, but is still unknown",
        where(
            lambda line: (
                line.outcome == Outcome.UNKNOWN
                and line.exists
                and not _may_have_another_ref(line)
                and line.submission.check_result not in NOT_DECIDABLE
            )
        ),
    )
    account.note(
        "not proven though the order was read before the send",
        where(
            lambda line: (
                line.submission.check_result == CheckResult.NOT_PROVEN
                and line.outcome == Outcome.UNKNOWN
                and line.submission.refs_before is not None
            )
        ),
    )
    account.note(
        "shared or several without a twin on the order",
        where(
            lambda line: (
                line.outcome == Outcome.UNKNOWN
                and line.submission.check_result in (CheckResult.SHARED, CheckResult.SEVERAL)
                and line.alone
                and line.fault not in _DOUBLING
            )
        ),
    )
    account.note("a check is still due", where(lambda line: line.submission.next_check_at is not None))


def _faults_end_as_they_should(account: Account) -> None:
    """Check outcomes: without a request "not sent"; after a readable refusal "rejected"."""
    alone = [line for line in account.lines if line.alone]
    account.note(
        "no request arrived, but it does not say not sent",
        (
            line
            for line in alone
            if not line.creates
            and line.outcome != Outcome.NOT_SENT
            and line.submission.error_code != "process_lost"
        ),
    )
    account.note(
        "says not sent, but a request arrived",
        (line for line in alone if line.creates and line.outcome == Outcome.NOT_SENT),
    )
    account.note(
        "refused, but it does not say rejected",
        (
            line
            for line in alone
            if line.creates
            and _OUTCOME_OF.get(line.fault) == "rejected"
            and line.outcome != Outcome.REJECTED
            and line.submission.error_code not in UNREAD_ANSWER
        ),
    )
    account.note(
        "rejected without a refusal",
        (
            line
            for line in alone
            if line.outcome == Outcome.REJECTED
            and (not line.creates or _OUTCOME_OF.get(line.fault) != "rejected")
        ),
    )


def _has_complete_events(line: Line) -> bool:
    """Check the events: one request, one "unknown" before a reconciled or late outcome, one outcome."""
    actions = list(line.actions)
    if actions[:1] != ["consumer.create_requested"] or actions.count("consumer.create_requested") > 1:
        return False
    outcomes = [action for action in actions if action in OUTCOME_EVENTS]
    unknown = ["consumer.outcome_unknown"]
    if line.outcome == Outcome.UNKNOWN:
        return outcomes == unknown
    if line.by_reconciliation:
        return outcomes == [*unknown, "consumer.resolved"]
    own = f"consumer.{line.outcome}"
    return outcomes in ([own], [*unknown, own])


def _actions() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    rows = AuditEvent.objects.exclude(submission=None).order_by("seq").values_list("submission", "action")
    for submission, action in rows:
        found[str(submission)].append(action)
    return found


def breaks_in_the_chain() -> Iterator[str]:
    """Hash every row again, in order; the head has to match the last row."""
    previous, last = GENESIS, 0
    for event in AuditEvent.objects.order_by("seq").iterator(chunk_size=1000):
        row = Row(**{name: getattr(event, name) for name in Row._fields})
        if (row.seq, row.previous_hash) != (last + 1, previous):
            yield f"row {row.seq} does not follow row {last}"
        if row_hash(row) != event.hash:
            yield f"row {row.seq} has another hash"
        previous, last = event.hash, row.seq
    head = AuditHead.objects.get()
    if (head.seq, head.hash) != (last, previous):
        yield f"the head is at {head.seq}, the last row is {last}"
