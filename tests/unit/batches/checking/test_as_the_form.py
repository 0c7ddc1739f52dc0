"""A row has exactly the errors and warnings that the form has for the same entry."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.checking.entries import validated
from apps.batches.checking.evaluation import evaluate
from apps.batches.checking.known_order import KnownOrder
from apps.batches.checking.row_warnings import ROW_CODES
from apps.batches.columns.problems import problems_of
from apps.batches.models import Batch, BatchRow, OwnState
from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers.duplicates.known import NOT_READ
from apps.consumers.forms.entry import Entry
from apps.consumers.labels import warning_text
from apps.consumers.models import IdentityRule, Outcome
from apps.consumers.sending.order_comparison import EntryOnOrder, compare_many
from apps.consumers.sending.warnings import find_warnings
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.batch_rows import batch_of, findings, row_of
from tests.support.entries import store
from tests.support.pairs_of_people import pairs

pytestmark = pytest.mark.sql("repeated")

_TEXTS = st.text(max_size=8) | st.sampled_from(
    ["Anna", "Anna and Bo", "A" * 101, "А1", "\x07", " b ", "\ufffd"]
)
_VALUES = st.fixed_dictionaries(
    {"first_name": _TEXTS, "last_name": _TEXTS},
    optional={
        "title": st.sampled_from(["Mr", "", "Emperor"]),
        "gender": st.sampled_from(["male", "", "x"]),
        "date_of_birth": st.sampled_from(
            ["7 3 1991", "1991-03-07", "31/2/1990", "1 1 1850", "7 3 2999", "7.3.91"]
        ),
        "country": st.sampled_from(["IE", "", "Ireland", "XX"]),
        "nationality": _TEXTS,
        "passport_number": _TEXTS,
        "emails-0-value": st.sampled_from(["", "a@b.example", "nobody", "a@b.example, A@b.example"]),
        "emails-1-value": st.sampled_from(["", "a@B.example", "x" * 1001]),
        "phone_numbers-0-value": st.sampled_from(["", "+353851234567", "12", "085 123 4567, 085 123 4567"]),
        "identifiers-0-provider": st.sampled_from(["", "ProfileSystem", "Elsewhere"]),
        "identifiers-0-id": st.sampled_from(["", "1", "1"]),
    },
)


@given(_VALUES)
def test_errors_of_a_row_are_those_of_the_form(values: dict[str, str]) -> None:
    assume(not problems_of(values))  # a formula or an error of a spreadsheet is an error of a row only
    batch, row = Batch(order_ref=SAMPLE_ORDER), BatchRow()
    row.values = values
    counts = {"emails": 2, "phone_numbers": 1, "identifiers": 1}
    posted = {
        **values,
        "order_ref": SAMPLE_ORDER,
        "token": str(row.token),
        **{f"{prefix}-TOTAL_FORMS": str(count) for prefix, count in counts.items()},
        **{f"{prefix}-INITIAL_FORMS": "0" for prefix in counts},
    }
    entry = Entry.bound(posted, ("ProfileSystem",))
    is_valid = entry.is_valid()
    found = validated(batch, row, providers=("ProfileSystem",))
    assert [error.text for error in found.errors] == [error.message for error in entry.errors()]
    assert (found.entry is not None) == is_valid
    if found.entry is not None:
        assert found.entry.to_new_consumer() == entry.to_new_consumer()
        assert found.entry.normalised() == entry.normalised()


@pytest.mark.sql("new")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.django_db
def test_warnings_of_a_row_are_those_of_the_form(seed: int, staff: User, settings: Settings) -> None:
    settings.EMAIL_IDENTIFIES = bool(seed % 2)
    IdentityRule.objects.create(name="Profile", provider="ProfileSystem", priority=1)
    chosen = random.Random(seed)
    people = chosen.sample(pairs(seed), 40)
    for number, pair in enumerate(people[:20]):
        earlier = store(staff, chosen.choice([Outcome.CREATED, Outcome.UNKNOWN]), pair.other)
        if number % 7 == 0:  # its key is missing
            earlier.encrypted_consumer = b"unreadable"
            earlier.save()
    vendors = [
        OrderConsumer.from_json({"ref": f"ref-{number}", **pair.other.to_json()})
        for number, pair in enumerate(people[20:30])
    ]
    known = ListedConsumers(tuple(one.ref for one in vendors), tuple(vendors), has_ended=True, is_whole=True)
    entries = [_odd(pair.entry, chosen) for pair in people]
    batch = batch_of(staff, entries)
    rows = list(selectors.rows_of(batch))
    found = evaluate(batch, rows, KnownOrder(clock.now(), known))
    codes = set()
    for row, consumer in zip(rows, entries, strict=True):
        if found[row.pk].state == OwnState.ALREADY_SENT or found[row.pk].findings.errors:
            continue
        sent = validated(batch, row).entry
        assert sent is not None
        compared = EntryOnOrder(SAMPLE_ORDER, sent.to_new_consumer(), known).compare()
        warnings = find_warnings(SAMPLE_ORDER, sent.to_new_consumer(), compared=compared)
        shown = [one for one in found[row.pk].findings.warnings if one.code not in ROW_CODES]
        assert sorted((one.key, one.field, one.text) for one in shown) == sorted(
            (one.key, one.field, warning_text(one)) for one in warnings
        ), consumer.first_name
        codes |= {one.code for one in warnings}
    assert codes >= {"similar_consumer", "earlier_not_readable", "phone_number_not_read"}
    assert settings.EMAIL_IDENTIFIES or "no_matching_identity" in codes


def _odd(consumer: NewConsumer, chosen: random.Random) -> NewConsumer:
    """The consumer, often with something that is worth a warning."""
    return replace(
        consumer,
        phone_numbers=chosen.choice([consumer.phone_numbers, ("12",)]),
        date_of_birth=chosen.choice([consumer.date_of_birth, consumer.date_of_birth, date(1880, 1, 1)]),
    )


@pytest.mark.django_db
def test_comparing_many_entries_finds_what_comparing_each_finds(staff: User) -> None:
    people = pairs(3)[::25]
    for pair in people[::3]:
        store(staff, Outcome.CREATED, pair.other)
    entries = [pair.entry for pair in people]
    for entry, many in zip(entries, compare_many(SAMPLE_ORDER, entries, NOT_READ), strict=True):
        assert many == EntryOnOrder(SAMPLE_ORDER, entry).compare()


@pytest.mark.django_db
def test_evaluating_stores_nothing(staff: User) -> None:
    batch = batch_of(staff, [NewConsumer(first_name="Ida", last_name="Clean", emails=("i@example.com",))])
    [found] = evaluate(batch, list(selectors.rows_of(batch)), KnownOrder(clock.now())).values()
    assert (found.state, found.findings.to_json(), findings(batch, 2).to_json()) == (OwnState.READY, "", "")
    assert row_of(batch, 2).current == OwnState.UNCHECKED  # evaluating stores nothing
