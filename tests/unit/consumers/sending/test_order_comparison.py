"""With which consumers of an order an entry is compared, and how they are counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.accounts.models import User
from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers.duplicates.compare import Rule, Similarity
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending.order_comparison import EntryOnOrder, OrderComparison
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from tests.support.entries import FULL, REF, clean, store

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

OTHER_REF = "11111111-2222-4333-8444-555555555555"


def as_listed(consumer: NewConsumer, ref: str) -> OrderConsumer:
    return OrderConsumer.from_json({"ref": ref, **consumer.to_json()})


def known(*consumers: OrderConsumer, bare: tuple[str, ...] = (), is_whole: bool = True) -> ListedConsumers:
    refs = (*(one.ref for one in consumers), *bare)
    return ListedConsumers(refs, consumers, has_ended=is_whole, is_whole=is_whole)


def counts(found: OrderComparison) -> tuple[int, int | None]:
    return found.compared, found.total


def test_near_submission_that_shares_no_digest_is_found(staff: User) -> None:
    earlier = store(staff, Outcome.CREATED, FULL)
    entry = replace(FULL, last_name="O’Beeblebrax", passport_number="", identifiers=())
    [similar] = EntryOnOrder(SAMPLE_ORDER, entry).compare().similar
    assert (similar.submission, similar.other, similar.comparison.rule) == (earlier, FULL, Rule.CLOSE_NAME)


def test_submission_that_is_stored_later_is_compared_too(staff: User) -> None:
    on_order = EntryOnOrder(SAMPLE_ORDER, FULL)
    assert counts(on_order.compare()) == (0, None)
    later = store(staff, Outcome.SENDING, FULL)
    found = on_order.compare()
    assert [one.submission for one in found.similar] == [later]
    assert counts(found) == (1, None)
    assert counts(on_order.compare(besides=later)) == (0, None)


def test_consumer_that_ceased_to_exist_since_is_not_similar(staff: User) -> None:
    submission = store(staff, Outcome.UNKNOWN, FULL)
    on_order = EntryOnOrder(SAMPLE_ORDER, FULL)
    Submission.objects.filter(pk=submission.pk).update(outcome=Outcome.REJECTED, http_status=400)
    assert on_order.compare().similar == ()


@pytest.mark.parametrize("spelling", [REF, REF.upper(), REF.replace("-", "")])
def test_consumer_of_a_submission_is_counted_once(staff: User, spelling: str) -> None:
    created = store(staff, Outcome.CREATED, FULL)
    found = EntryOnOrder(SAMPLE_ORDER, FULL, known(as_listed(FULL, spelling))).compare()
    assert [one.submission for one in found.similar] == [created]
    assert found.similar[0].comparison.similarity is Similarity.EQUAL
    assert counts(found) == (1, 1)


@pytest.mark.sql("new")
def test_consumer_whose_submission_was_erased_is_compared_as_the_vendor_has_it(staff: User) -> None:
    store(staff, Outcome.CREATED, FULL)
    Submission.objects.update(encrypted_consumer=b"", content_digest=b"")
    found = EntryOnOrder(SAMPLE_ORDER, FULL, known(as_listed(FULL, REF))).compare()
    assert [(one.submission, one.other) for one in found.similar] == [(None, as_listed(FULL, REF))]
    assert counts(found) == (1, 1)


def test_listed_consumer_beside_an_unknown_submission_is_another_one(staff: User) -> None:
    unknown = store(staff, Outcome.UNKNOWN, FULL)
    found = EntryOnOrder(SAMPLE_ORDER, FULL, known(as_listed(FULL, REF))).compare()
    assert [one.submission for one in found.similar] == [unknown, None]
    assert counts(found) == (2, 2)


def test_what_was_not_compared_is_counted(staff: User) -> None:
    store(staff, Outcome.UNKNOWN, clean())
    store(staff, Outcome.CREATED, clean(), order=FAMILY_ORDER)
    listed = known(as_listed(FULL, REF), bare=(OTHER_REF,))
    assert counts(EntryOnOrder(SAMPLE_ORDER, FULL, listed).compare()) == (2, 3)
    partial = known(as_listed(FULL, REF), is_whole=False)
    assert counts(EntryOnOrder(SAMPLE_ORDER, FULL, partial).compare()) == (2, None)


def test_no_text_about_a_comparison_shows_personal_data(staff: User) -> None:
    listed = known(as_listed(FULL, REF))
    found = EntryOnOrder(SAMPLE_ORDER, FULL, listed).compare()
    shown = repr(listed) + repr(found) + repr(found.similar)
    assert not [value for value in (FULL.first_name, FULL.passport_number, "1991") if value in shown]
