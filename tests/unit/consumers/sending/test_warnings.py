"""Warnings: none for a usual form, none for families, and a case for each kind."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer
from apps.consumers.duplicates.compare import Likeness, Rule
from apps.consumers.labels import warning_text
from apps.consumers.models import IdentityRule, Outcome
from apps.consumers.sending.order_comparison import EntryOnOrder
from apps.consumers.sending.warnings import (
    LOOKALIKES,
    NO_IDENTITY,
    NOT_COMPARED,
    PHONE_NOT_READ,
    SEVERAL_PEOPLE,
    SIMILAR,
    VERY_OLD,
    EntryWarning,
    find_warnings,
    has_enough_identity,
)
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from tests.support.entries import FULL, clean, store

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

LOYAL = (Identifier("LoyaltyProgramme", "LP-42-Zaphod"),)


def codes(consumer: NewConsumer, order: str = SAMPLE_ORDER) -> list[str]:
    return [warning.code for warning in find_warnings(order, consumer)]


@pytest.mark.parametrize("consumer", [FULL, clean()])
def test_valid_entry_has_no_warning(consumer: NewConsumer) -> None:
    assert codes(consumer) == []


def test_consumer_that_cannot_be_read_was_not_compared(staff: User) -> None:
    """Otherwise the audit log would say that somebody saw which of its fields agree."""
    earlier = store(staff, Outcome.CREATED)
    assert EntryWarning(NOT_COMPARED, "order_ref", earlier).consumer is None


# --- Similar --------------------------------------------------------------------------------------
FAMILY = [
    clean(emails=FULL.emails, first_name="Zarniwoop"),
    clean(phone_numbers=FULL.phone_numbers),
    clean(last_name=FULL.last_name),
    clean(first_name=FULL.first_name),
    clean(nationality=FULL.nationality, country=FULL.country, title=FULL.title, gender=FULL.gender),
    clean(
        last_name=FULL.last_name,
        emails=FULL.emails,
        phone_numbers=FULL.phone_numbers,
        date_of_birth=FULL.date_of_birth,
    ),
    clean(identifiers=(Identifier("LoyaltyProgramme", "PS-77-Zaphod"),)),
]


@pytest.mark.parametrize("consumer", FAMILY)
def test_data_shared_by_families_cause_no_warning(staff: User, consumer: NewConsumer) -> None:
    store(staff, Outcome.CREATED)
    assert codes(consumer) == []


def test_two_missing_names_are_not_the_same_name(staff: User) -> None:
    store(staff, Outcome.CREATED, clean(first_name="", last_name=""))
    assert codes(clean(first_name="", last_name="", emails=("other@example.com",))) == []


@pytest.mark.parametrize(
    ("consumer", "rule", "same", "similar"),
    [
        (clean(passport_number=FULL.passport_number), Rule.SAME_PASSPORT, ("passport_number",), ()),
        (clean(passport_number="PZ 4a9565"), Rule.SAME_PASSPORT, ("passport_number",), ()),
        (clean(identifiers=LOYAL), Rule.SAME_IDENTIFIER, ("identifiers",), ()),
        (
            clean(first_name="Aoifé Zaphodina", last_name="O'BEEBLEBROX"),
            Rule.SAME_NAME,
            ("last_name",),
            ("first_name",),
        ),
        (
            clean(first_name="AoIfe\u0301  Zaphodina", last_name="O’Beeblebrox"),
            Rule.SAME_NAME,
            ("last_name",),
            ("first_name",),
        ),
        (
            clean(first_name="AOIFE zaphodina", last_name="o’beeblebrox"),
            Rule.SAME_NAME,
            ("first_name", "last_name"),
            (),
        ),
        (
            clean(first_name=FULL.first_name, last_name=FULL.last_name, emails=FULL.emails[:1]),
            Rule.SAME_NAME,
            ("first_name", "last_name", "emails"),
            (),
        ),
        (
            clean(first_name=f"{FULL.first_name} {FULL.last_name}", last_name=""),
            Rule.EXCHANGED_NAMES,
            (),
            ("first_name", "last_name"),
        ),
        (
            clean(first_name="Aoife", last_name="Obeeblebrix", date_of_birth=FULL.date_of_birth),
            Rule.PART_OF_NAME,
            ("date_of_birth",),
            ("first_name", "last_name"),
        ),
    ],
)
def test_similar_consumer_warns_with_its_rule_and_the_equal_and_similar_fields(
    staff: User, consumer: NewConsumer, rule: Rule, same: tuple[str, ...], similar: tuple[str, ...]
) -> None:
    earlier = store(staff, Outcome.CREATED)
    [warning] = find_warnings(SAMPLE_ORDER, consumer)
    assert (warning.code, warning.submission) == (SIMILAR, earlier)
    assert warning.field in (*same, *similar)
    assert warning.similar is not None
    comparison = warning.similar.comparison
    assert (comparison.rule, comparison.names_of(Likeness.SAME)) == (rule, same)
    assert comparison.names_of(Likeness.SIMILAR) == similar


def test_whole_name_in_the_other_field_is_a_similar_name(staff: User) -> None:
    """A portal that does not require both names has people with one."""
    store(staff, Outcome.CREATED, clean(first_name="", last_name="Ana Li", emails=()))
    [warning] = find_warnings(SAMPLE_ORDER, clean(first_name="Ana Li", last_name=""))
    assert (warning.code, warning.field) == (SIMILAR, "first_name")
    assert "Similar fields: first name, last name." in warning_text(warning)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_consumer_that_exists_or_may_exist_causes_a_warning(staff: User, outcome: Outcome) -> None:
    store(staff, outcome)
    may_exist = outcome in (Outcome.CREATED, Outcome.SENDING, Outcome.UNKNOWN)
    assert codes(FULL) == ([SIMILAR] if may_exist else [])


def test_similar_consumer_on_another_order_causes_no_warning(staff: User) -> None:
    store(staff, Outcome.CREATED, order=FAMILY_ORDER)
    assert codes(FULL) == []
    assert codes(FULL, FAMILY_ORDER.upper()) == [SIMILAR]


@pytest.mark.sql("new")
def test_erased_consumer_causes_no_warning(staff: User) -> None:
    submission = store(staff, Outcome.CREATED)
    type(submission).objects.update(encrypted_consumer=b"", content_digest=b"")
    assert codes(FULL) == []


@pytest.mark.sql("new")
def test_each_similar_submission_is_accepted_separately_newest_first(staff: User) -> None:
    first = store(staff, Outcome.CREATED)
    second = store(staff, Outcome.CREATED)
    assert [warning.key for warning in find_warnings(SAMPLE_ORDER, FULL)] == [
        f"{SIMILAR}:{second.public_id}:same_identifier",
        f"{SIMILAR}:{first.public_id}:same_identifier",
    ]
    [similar] = EntryOnOrder(SAMPLE_ORDER, FULL).compare(besides=second).similar
    assert similar.submission == first


# --- Identity -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("consumer", "by_email", "enough"),
    [
        (clean(emails=()), True, False),
        (clean(), True, True),
        (clean(), False, False),
        (clean(emails=(), identifiers=LOYAL), False, True),
        (clean(emails=(), identifiers=(Identifier("loyaltyprogramme", "1"),)), False, False),
        (clean(emails=(), identifiers=(Identifier("Other", "1"), *LOYAL)), False, True),
    ],
)
def test_sufficient_identity_is_an_identifier_of_a_rule_or_an_email_by_setting(
    settings: Settings, consumer: NewConsumer, by_email: bool, enough: bool
) -> None:
    settings.EMAIL_IDENTIFIES = by_email
    assert has_enough_identity(consumer, ("ProfileSystem", "LoyaltyProgramme")) is enough


def test_stored_rules_decide_about_identity(settings: Settings) -> None:
    settings.EMAIL_IDENTIFIES = False
    known = clean(identifiers=LOYAL)
    assert codes(known) == []  # without rules any identifier counts
    assert codes(clean()) == [NO_IDENTITY]
    IdentityRule.objects.create(name="Profile", provider="ProfileSystem", priority=1)
    assert codes(known) == [NO_IDENTITY]
    IdentityRule.objects.create(name="Loyalty", provider="LoyaltyProgramme", priority=2)
    assert codes(known) == []


# --- Age and phones -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("born", "stops"),
    [
        (datetime.date(1905, 3, 7), True),
        (datetime.date(1905, 3, 8), False),
        (datetime.date(1906, 3, 7), False),
        (datetime.date(1, 1, 1), True),
    ],
)
def test_over_120_years_means_120_birthdays(born: datetime.date, stops: bool) -> None:
    with time_machine.travel(datetime.datetime(2026, 3, 7, 12, tzinfo=datetime.UTC), tick=False):
        assert codes(clean(date_of_birth=born)) == ([VERY_OLD] if stops else [])


def test_unreadable_phone_number_causes_a_warning() -> None:
    assert codes(clean(phone_numbers=("+353851234567", "reception"))) == [PHONE_NOT_READ]


def test_several_warnings_are_shown_together(staff: User) -> None:
    store(staff, Outcome.CREATED)
    odd = NewConsumer(
        first_name=FULL.first_name,
        last_name=FULL.last_name,
        phone_numbers=("reception",),
        date_of_birth=datetime.date(1800, 1, 1),
        passport_number=FULL.passport_number,
    )
    assert codes(odd) == [SIMILAR, NO_IDENTITY, VERY_OLD, PHONE_NOT_READ]


# --- Inputs of public bug reports -----------------------------------------------------------------
@pytest.mark.parametrize(
    "first_name", ["Jack & Jill", "Jack and Jill", "Jack/Jill", "Jack + Jill", "Jack; Jill"]
)
def test_two_people_in_one_name_cause_a_warning(first_name: str) -> None:
    assert codes(clean(first_name=first_name)) == [SEVERAL_PEOPLE]


@pytest.mark.parametrize(
    "first_name", ["Andrea", "Sandy", "Jean-Luc", "N'golo", "O’Neill", "Mary Jane", "J. R."]
)
def test_one_person_causes_no_warning(first_name: str) -> None:
    assert codes(clean(first_name=first_name, last_name="Ortega y Gasset")) == []


@pytest.mark.parametrize(
    "consumer",
    [
        clean(passport_number="МР1234567"),  # both letters Cyrillic
        clean(passport_number="PZ4Α9565"),  # a Greek Alpha
        clean(identifiers=(Identifier("LoyaltyProgramme", "LР-0048213"),)),  # a Cyrillic Er
        clean(passport_number="AB１２３"),  # full-width digits
        clean(passport_number="ＡＢ１２３"),
        clean(identifiers=(Identifier("LoyaltyProgramme", "ＬＰ－００４８２１３"),)),
        clean(identifiers=(Identifier("LoyaltyProgramme", "LP\N{EN DASH}0048213"),)),
        clean(passport_number="AB١٢٣"),  # Arabic-Indic digits
        clean(identifiers=(Identifier("LoyaltyProgramme", "١٢٣"),)),
    ],
)
def test_lookalikes_of_ordinary_letters_digits_and_signs_cause_a_warning(consumer: NewConsumer) -> None:
    assert codes(consumer) == [LOOKALIKES]


@pytest.mark.parametrize(
    "consumer",
    [
        clean(passport_number="PZ4A9565"),
        clean(first_name="Мария", last_name="Παπαδόπουλος"),
        clean(identifiers=(Identifier("LoyaltyProgramme", "Мария"),)),
        clean(identifiers=(Identifier("LoyaltyProgramme", "José-1"),)),
        clean(identifiers=(Identifier("LoyaltyProgramme", "会員Ａ１"),)),
    ],
)
def test_names_in_another_alphabet_cause_no_warning(consumer: NewConsumer) -> None:
    assert codes(consumer) == []


def test_lookalikes_in_different_fields_are_different_warnings() -> None:
    [passport] = find_warnings(SAMPLE_ORDER, clean(passport_number="МР1234567"))
    [identifier] = find_warnings(
        SAMPLE_ORDER, clean(identifiers=(Identifier("LoyaltyProgramme", "МР1234567"),))
    )
    assert passport.key != identifier.key


def test_new_warning_of_the_same_kind_has_another_key_without_personal_data() -> None:
    one, other = (
        find_warnings(SAMPLE_ORDER, clean(phone_numbers=(number,)))[0].key
        for number in ("reception", "front desk")
    )
    assert one != other
    assert "reception" not in one + repr(find_warnings(SAMPLE_ORDER, clean(phone_numbers=("reception",))))
