"""Compare lists, their rows and submissions with the vendor's consumers and the requests on the wire."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.batches import selectors
from apps.batches.models import Batch, BatchState
from apps.consumers.models import Outcome, Submission
from apps.core import clock
from sandbox.faults.table import ROWS
from tests.faults.storm.account import NOT_DECIDABLE, breaks_in_the_chain
from tests.faults.storm.rows import Wire

# Faults by which the vendor creates two consumers, or answers with the reference of another one.
_ODD = frozenset(row.fault for row in ROWS if row.makes > 1) | {"known_ref", "another_consumer_after"}
Key = tuple[str, str]
"""The order and the e-mail address of a person. Lists with the same person for an order share it."""


@dataclass
class ListAccount:
    """The problems that were found, and figures of what there is."""

    facts: Counter[str] = field(default_factory=Counter)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, lines: Iterable[object]) -> None:
        """Record the violations of a promise."""
        if broken := [str(line) for line in lines]:
            self.problems[what] = broken


def compare_lists(
    vendor_consumers: Sequence[dict[str, Any]], requests: Sequence[dict[str, Any]], spooled: Sequence[str]
) -> ListAccount:
    """Read all records and compare them. Needs Django."""
    account = ListAccount()
    lists = [*Batch.objects.order_by("pk")]
    made = [*Submission.objects.filter(batch__isnull=False).order_by("pk")]
    consumers: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    orders = {one.order_ref.lower() for one in lists}
    for found in vendor_consumers:
        if found["order_ref"].lower() in orders:
            [address] = json.loads(found["body"])["emails"]
            consumers[found["order_ref"].lower(), address].append(found)
    submissions: dict[Key, list[Submission]] = defaultdict(list)
    for submission in made:
        submissions[_key(submission)].append(submission)
    creates = Wire.of((), requests).creates
    _nothing_stuck(account, lists, made, spooled)
    _one_to_one(account, submissions, consumers, creates)
    account.note("the chain does not verify", breaks_in_the_chain())
    account.facts["lists"] = len(lists)
    account.facts.update(f"lists {one.state}" for one in lists)
    for one in lists:
        counts = selectors.count_by_state(one)
        account.facts["rows"] += sum(counts.values())
        account.facts.update({f"rows {state.value}": count for state, count in counts.items() if count})
    account.facts["submissions"] = len(made)
    account.facts["consumers in the sandbox"] = sum(map(len, consumers.values()))
    account.facts["creates on the wire"] = sum(len(creates.get(order, ())) for order in orders)
    return account


def _key(submission: Submission) -> Key:
    consumer = submission.consumer
    assert consumer is not None
    return submission.order_ref.lower(), consumer.emails[0]


def _nothing_stuck(
    account: ListAccount, lists: Sequence[Batch], made: Sequence[Submission], spooled: Sequence[str]
) -> None:
    over = (BatchState.FINISHED, BatchState.STOPPED)
    account.note(
        "lists that have not ended", (f"{one} {one.state}" for one in lists if one.state not in over)
    )
    # One of a killed process ends by itself.
    account.note(
        "leases that are held", (one for one in lists if one.leased_until and one.leased_until > clock.now())
    )
    account.note("stuck in sending", (one.public_id for one in made if one.outcome == Outcome.SENDING))
    account.note("a check is still due", (one.public_id for one in made if one.next_check_at is not None))
    account.note("left in the spool", spooled)
    account.note("rows that are neither sent nor set aside", _unsent(lists))


def _unsent(lists: Sequence[Batch]) -> Iterator[str]:
    for one in lists:
        if left := selectors.rows_to_send(one).count():
            yield f"{one}: {left}"


def _one_to_one(
    account: ListAccount,
    submissions: Mapping[Key, list[Submission]],
    consumers: Mapping[Key, list[dict[str, Any]]],
    creates: Mapping[str, list[dict[str, Any]]],
) -> None:
    odd = {order for order, sent in creates.items() if any(one["fault"] in _ODD for one in sent)}
    account.note("consumers without a submission", sorted(set(consumers) - set(submissions)))
    account.note(
        "consumers that exist twice",
        (key for key, found in consumers.items() if len(found) > 1 and key[0] not in odd),
    )
    account.note("created twice", (key for key, found in submissions.items() if _created(found) > 1))
    per_order = Counter(key[0] for key, found in submissions.items() for _ in found)
    account.note(
        "more sends than submissions on an order",
        (order for order, sent in creates.items() if len(sent) > per_order[order] and per_order[order]),
    )
    for key, found in submissions.items():
        refs = {one["ref"].lower() for one in consumers.get(key, ())}
        strange = key[0] in odd
        for one in found:
            where = f"{one.public_id} {one.outcome} {one.error_code} {one.check_result}"
            if one.outcome == Outcome.CREATED and one.consumer_ref.lower() not in refs and not strange:
                account.problems.setdefault("created, but the vendor has another or none", []).append(where)
            decidable = one.check_result not in NOT_DECIDABLE
            if one.outcome == Outcome.UNKNOWN and refs and decidable and not strange and not _created(found):
                account.problems.setdefault("exists, but is still unknown", []).append(where)
        perhaps = [one for one in found if one.outcome in (Outcome.CREATED, Outcome.UNKNOWN)]
        if refs and not perhaps:
            account.problems.setdefault("exists, but no submission says so", []).append(str(key))
    account.facts["orders with faults that create two or misname one"] = len(odd)


def _created(found: Sequence[Submission]) -> int:
    return sum(one.outcome == Outcome.CREATED for one in found)
