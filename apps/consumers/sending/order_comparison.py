"""Compare an entry with the consumers on its order: the portal's submissions and the vendor's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers import selectors
from apps.consumers.duplicates.compare import Comparison, compare
from apps.consumers.duplicates.facts import Facts
from apps.consumers.duplicates.known import NOT_READ
from apps.consumers.models import DigestKind, Submission
from apps.consumers.sending.digests import search_digests_under_every_key
from apps.core.references import reference_key

COMPARED_LIMIT = 500
"""Submissions of an order that are compared, the newest. Each takes about a tenth of a millisecond."""
DISTINCTIVE_KINDS = (DigestKind.PASSPORT, DigestKind.IDENTIFIER, DigestKind.LAST_NAME)


@dataclass(frozen=True, slots=True, repr=False)
class Similar:
    """A consumer on the order that is like the entry: a submission's, or one that only the vendor has."""

    entry: NewConsumer
    other: NewConsumer | OrderConsumer
    comparison: Comparison
    submission: Submission | None = None

    def __repr__(self) -> str:
        return f"Similar({self.comparison.rule}, <personal data>)"


@dataclass(frozen=True, slots=True, repr=False)
class OrderComparison:
    """The result for one entry.

    ``unreadable``: submissions that cannot be read but share a digest with the entry. ``compared``: how many
    consumers were compared, each once. ``total``: how many are on the order or may be; None if the vendor's
    list was not read completely.
    """

    similar: tuple[Similar, ...] = ()
    unreadable: tuple[Submission, ...] = ()
    compared: int = 0
    total: int | None = None

    def __repr__(self) -> str:
        return f"OrderComparison({self.compared} of {self.total}, <personal data>)"


class EntryOnOrder:
    """An entry that is compared with the consumers on its order.

    The vendor's list, and the submissions that exist when the object is made, are compared then.
    :meth:`compare` only adds later submissions, so that it is quick inside a transaction.
    """

    def __init__(self, order_ref: str, consumer: NewConsumer, known: ListedConsumers = NOT_READ) -> None:
        self.consumer, self._order_ref, self._known = consumer, order_ref, known
        self._facts = Facts(consumer)
        self._vendors = {reference_key(one.ref): (one, self._compared(one)) for one in known.consumers}
        self._submissions: dict[int, tuple[NewConsumer, Comparison] | None] = {}
        self._read(pk for pk, *_refs in self._existing())

    def compare(self, *, besides: Submission | None = None) -> OrderComparison:
        """Compare with everything that is on the order now. ``besides``: the entry's own submission."""
        existing = [row for row in self._existing() if besides is None or row[0] != besides.pk]
        newest = [pk for pk, *_refs in existing[:COMPARED_LIMIT]]
        self._read(pk for pk in newest if pk not in self._submissions)
        readable = {pk for pk in newest if self._submissions.get(pk)}
        # A consumer of a submission that was compared is not compared again as the vendor's.
        compared_refs = {
            reference_key(ref) for pk, *refs in existing if pk in readable for ref in refs if ref
        }
        own_refs = {reference_key(ref) for _pk, *refs in existing for ref in refs if ref}
        only_vendors = [pair for key, pair in self._vendors.items() if key not in compared_refs]
        not_own = {reference_key(ref) for ref in self._known.refs} - own_refs
        return OrderComparison(
            similar=(*self._similar_submissions(readable), *self._similar_vendors(only_vendors)),
            unreadable=self._unreadable(set(newest) - readable),
            compared=len(readable) + len(only_vendors),
            total=len(existing) + len(not_own) if self._known.is_whole else None,
        )

    def _existing(self) -> list[tuple[int, str, str]]:
        return list(
            selectors.existing_on_order(self._order_ref).values_list("pk", *selectors.REFERENCE_COLUMNS)
        )

    def _read(self, pks: Iterable[int]) -> None:
        wanted = list(pks)[:COMPARED_LIMIT]
        if not wanted:
            return
        columns = ("public_id", "encrypted_consumer")
        for submission in Submission.objects.filter(pk__in=wanted).only(*columns):
            earlier = submission.consumer
            self._submissions[submission.pk] = (earlier, self._compared(earlier)) if earlier else None

    def _compared(self, other: NewConsumer | OrderConsumer) -> Comparison:
        return compare(self._facts, Facts(other))

    def _similar_submissions(self, readable: set[int]) -> Iterator[Similar]:
        pairs = {pk: self._submissions[pk] for pk in readable}
        found = {pk: pair for pk, pair in pairs.items() if pair and pair[1].is_similar}
        if not found:
            return
        for submission in selectors.existing_on_order(self._order_ref).filter(pk__in=found):
            earlier, comparison = found[submission.pk]
            yield Similar(self.consumer, earlier, comparison, submission)

    def _similar_vendors(self, pairs: Iterable[tuple[OrderConsumer, Comparison]]) -> Iterator[Similar]:
        for other, comparison in pairs:
            if comparison.is_similar:
                yield Similar(self.consumer, other, comparison)

    def _unreadable(self, pks: set[int]) -> tuple[Submission, ...]:
        """The unreadable submissions that may be similar; an erased one has nothing to compare."""
        if not pks:
            return ()
        digests = search_digests_under_every_key(self.consumer)
        distinctive = [pair for pair in digests if pair[0] in DISTINCTIVE_KINDS]
        sharing = selectors.possibly_similar_on_order(self._order_ref, distinctive).filter(pk__in=pks)
        return tuple(submission for submission in sharing if not submission.is_erased)
