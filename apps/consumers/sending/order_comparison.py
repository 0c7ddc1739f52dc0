"""Compare entries with the consumers on their order: the portal's submissions and the vendor's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers import selectors
from apps.consumers.duplicates.candidates import Candidates
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
    """A consumer on the order that is similar to the entry: a submission's, or one of the vendor alone."""

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
        self.consumer = consumer
        self._facts = Facts(consumer)
        self._on_order = _OnOrder(order_ref, known)
        self._similar = self._on_order.similar_to(self._facts)

    def compare(self, *, besides: Submission | None = None) -> OrderComparison:
        """Compare with everything that is on the order now. ``besides``: the entry's own submission."""
        self._on_order.read_later(besides)
        self._similar |= self._on_order.similar_to(self._facts, known=self._similar)
        counted = self._on_order.count()
        submissions = self._on_order.submissions(counted.readable.intersection(self._similar))
        return self._on_order.comparison(self.consumer, self._similar, counted, submissions)


def compare_many(
    order_ref: str, consumers: Sequence[NewConsumer], known: ListedConsumers = NOT_READ
) -> list[OrderComparison]:
    """Compare each of these entries with the consumers on the order, which are read once."""
    on_order = _OnOrder(order_ref, known)
    counted = on_order.count()
    # Identical entries, such as people without names, are compared once.
    found_for = {consumer: on_order.similar_to(Facts(consumer)) for consumer in dict.fromkeys(consumers)}
    similar = [found_for[consumer] for consumer in consumers]
    found = {pk for one in similar for pk in counted.readable.intersection(one)}
    submissions = on_order.submissions(found)
    return [
        on_order.comparison(consumer, one, counted, submissions)
        for consumer, one in zip(consumers, similar, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Counted:
    """The consumers on the order, each once.

    ``readable`` and ``unreadable``: the submissions that can be compared, and those that cannot, without the
    erased ones. ``vendors``: the keys of the references of consumers that only the vendor has.
    """

    readable: frozenset[int]
    unreadable: frozenset[int]
    vendors: frozenset[str]
    total: int | None


class _OnOrder:
    """The consumers on an order: of submissions by primary key, of the vendor by the reference's key."""

    def __init__(self, order_ref: str, known: ListedConsumers) -> None:
        self._order_ref, self._known = order_ref, known
        self._vendors = {reference_key(one.ref): one for one in known.consumers}
        self._entries: dict[int, NewConsumer] = {}
        self._unreadable: set[int] = set()
        self._erased: set[int] = set()
        self._facts: dict[int | str, Facts] = {}
        self._candidates: Candidates[int | str] = Candidates()
        for key, one in self._vendors.items():
            self._add(key, one)
        self._existing: list[tuple[int, str, str]] = []
        self.read_later()

    def read_later(self, besides: Submission | None = None) -> None:
        """Read what is on the order now, and the consumers of submissions that were not read before."""
        rows = selectors.refs_of_existing_on_order(self._order_ref)
        self._existing = [row for row in rows if besides is None or row[0] != besides.pk]
        read = self._entries.keys() | self._unreadable | self._erased
        new = [pk for pk, *_refs in self._existing[:COMPARED_LIMIT] if pk not in read]
        if not new:
            return
        columns = ("public_id", "encrypted_consumer", "content_digest")
        for submission in Submission.objects.filter(pk__in=new).only(*columns):
            if (consumer := submission.consumer) is not None:
                self._entries[submission.pk] = consumer
                self._add(submission.pk, consumer)
            else:
                (self._erased if submission.is_erased else self._unreadable).add(submission.pk)

    def _add(self, key: int | str, person: NewConsumer | OrderConsumer) -> None:
        self._facts[key] = facts = Facts(person)
        self._candidates.add(key, facts)

    def similar_to(
        self, facts: Facts, *, known: Mapping[int | str, Comparison] | None = None
    ) -> dict[int | str, Comparison]:
        """The similar consumers by their keys. ``known``: those that need not be compared again."""
        keys = self._candidates.of(facts).difference(known or ())
        compared = {key: compare(facts, self._facts[key]) for key in keys}
        return {key: comparison for key, comparison in compared.items() if comparison.is_similar}

    def count(self) -> _Counted:
        """The consumers on the order, as they were read last."""
        newest = {pk for pk, *_refs in self._existing[:COMPARED_LIMIT]}
        readable = newest & self._entries.keys()
        # A consumer of a submission that was compared is not compared again as the vendor's.
        compared_refs = {
            reference_key(ref) for pk, *refs in self._existing if pk in readable for ref in refs if ref
        }
        own_refs = {reference_key(ref) for _pk, *refs in self._existing for ref in refs if ref}
        not_own = {reference_key(ref) for ref in self._known.refs} - own_refs
        return _Counted(
            readable=frozenset(readable),
            unreadable=frozenset(newest & self._unreadable),
            vendors=frozenset(self._vendors.keys() - compared_refs),
            total=len(self._existing) + len(not_own) if self._known.is_whole else None,
        )

    def submissions(self, pks: Iterable[int | str]) -> list[Submission]:
        """The submissions with these primary keys, newest first."""
        wanted = list(pks)
        return list(selectors.existing_on_order(self._order_ref).filter(pk__in=wanted)) if wanted else []

    def comparison(
        self,
        consumer: NewConsumer,
        similar: Mapping[int | str, Comparison],
        counted: _Counted,
        submissions: Iterable[Submission],
    ) -> OrderComparison:
        """The result for an entry. ``submissions``: at least those of the similar consumers."""
        return OrderComparison(
            similar=(
                *(
                    Similar(consumer, self._entries[row.pk], similar[row.pk], row)
                    for row in submissions
                    if row.pk in similar
                ),
                *(
                    Similar(consumer, other, similar[key])
                    for key, other in self._vendors.items()
                    if key in similar and key in counted.vendors
                ),
            ),
            unreadable=tuple(self._possibly_similar(consumer, counted.unreadable)),
            compared=len(counted.readable) + len(counted.vendors),
            total=counted.total,
        )

    def _possibly_similar(self, consumer: NewConsumer, pks: frozenset[int]) -> Iterator[Submission]:
        """The unreadable submissions that may be similar."""
        if not pks:
            return
        digests = search_digests_under_every_key(consumer)
        distinctive = [pair for pair in digests if pair[0] in DISTINCTIVE_KINDS]
        yield from selectors.possibly_similar_on_order(self._order_ref, distinctive).filter(pk__in=pks)
