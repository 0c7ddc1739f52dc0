"""Every outcome and every code of the client has a label, and none of them blames the person."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.cdp.errors import CdpError, ErrorCode
from apps.cdp.refusals import REFUSALS
from apps.consumers import labels, phones, value_lists
from apps.consumers.duplicates.compare import Comparison, Likeness, Rule, Similarity
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import resolution
from apps.consumers.sending import warnings
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import EntryWarning
from apps.core import clock
from apps.core.personal_data import encrypted
from tests.support.entries import FULL

A_STATUS = re.compile(r"http_(\d{3})")


def _classes(kind: type[CdpError] = CdpError) -> Iterator[type[CdpError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _classes(below)


CODES = sorted(
    {*ErrorCode, *(kind.default_code for kind in _classes()), *(code for _kind, code in REFUSALS.values())}
)


def test_every_code_is_known_or_shows_its_status() -> None:
    assert {"invalid", "http_413", "http_500"} <= {*CODES}
    assert [code for code in CODES if code not in {*ErrorCode} and not A_STATUS.fullmatch(code)] == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_client_has_a_label(code: str) -> None:
    label = labels.reason(Submission(error_code=code, outcome=Outcome.UNKNOWN))
    if status := A_STATUS.fullmatch(code):
        assert label == f"Sitecore CDP answered with an error ({status[1]})."
    else:
        assert code in labels.REASONS
        assert label == str(labels.REASONS[code])
    assert label.endswith(".")
    assert not re.search(r"please|sorry|invalid", label, re.IGNORECASE)


def test_without_an_error_there_is_no_reason() -> None:
    assert labels.reason(Submission(outcome=Outcome.CREATED)) == ""


def test_labels_match_the_ux_document() -> None:
    assert labels.reason(Submission(error_code="unauthorized")) == (
        "The portal could not sign in to Sitecore CDP. Your entry is stored."
        " An administrator has to check the API credentials."
    )
    assert (
        labels.reason(Submission(error_code="not_found")) == "Sitecore CDP has no order with this reference."
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_own_headline(outcome: Outcome) -> None:
    others = {labels.headline(other) for other in Outcome if other != outcome}
    assert labels.headline(outcome)
    assert labels.headline(outcome) not in others


@pytest.mark.parametrize("code", [*labels.WARNINGS])
def test_every_warning_has_a_label(code: str) -> None:
    label = labels.warning_text(EntryWarning(code, "order_ref", part="МР"))
    assert label == str(labels.WARNINGS[code]).replace("%(letters)s", "М Р").replace("%(status)s", "МР")


@pytest.mark.parametrize(
    ("outcome", "is_stuck", "start"),
    [
        (Outcome.CREATED, True, "A similar consumer was created on this order."),
        (Outcome.SENDING, False, "A similar consumer is being sent to this order."),
        (Outcome.SENDING, True, "A similar consumer was sent to this order. The outcome is unknown."),
        (Outcome.UNKNOWN, True, "A similar consumer was sent to this order. The outcome is unknown."),
    ],
)
def test_similar_consumer_is_shown_with_its_outcome_and_equal_fields(
    outcome: Outcome, is_stuck: bool, start: str
) -> None:
    fields = (
        ("first_name", Likeness.SIMILAR),
        ("last_name", Likeness.SAME),
        ("date_of_birth", Likeness.DIFFERENT),
        ("emails", Likeness.SAME),
        ("country", Likeness.MISSING),
    )
    stuck_since = clock.now() - resolution.longest_send() - 2 * resolution.WORKER_DELAY
    submission = Submission(outcome=outcome, deadline=stuck_since if is_stuck else clock.now())
    near = Similar(FULL, FULL, Comparison(Similarity.NEAR, Rule.CLOSE_NAME, fields), submission)
    assert labels.warning_text(EntryWarning(warnings.SIMILAR, "last_name", submission, near)) == (
        f"{start} Same fields: last name, email addresses. Similar fields: first name."
    )
    equal = Similar(FULL, FULL, Comparison(Similarity.EQUAL, Rule.SAME_NAME, fields[1:2]), submission)
    assert labels.warning_text(EntryWarning(warnings.SIMILAR, "last_name", submission, equal)) == (
        f"{start.replace('A similar', 'The same')} Same fields: last name."
    )


@pytest.mark.parametrize(
    ("compared", "on_order", "text"),
    [
        (0, 0, "The order had no consumers to compare with."),
        (1, 1, "Compared with the 1 consumer on the order."),
        (14, 14, "Compared with all 14 consumers on the order."),
        (40, 500, "Compared with 40 of 500 consumers on the order."),
        (3, None, "Compared with 3 consumers that the portal knew. The whole order was not read."),
    ],
)
def test_comparison_says_what_was_not_compared(compared: int, on_order: int | None, text: str) -> None:
    assert labels.compared_text(compared, on_order) == text


@pytest.mark.parametrize(
    ("message", "label"),
    [
        (
            "gender: must be one of male, female",
            "Sitecore CDP did not accept this value: must be one of male, female",
        ),
        (
            "dateOfBirth: Date must be in the past",
            "Sitecore CDP did not accept this value: Date must be in the past",
        ),
        ("emails: a: b", "Sitecore CDP did not accept this value: a: b"),
        ("no colon at all", "Sitecore CDP did not accept this value: no colon at all"),
        ("emails:", "Sitecore CDP did not accept this value: emails:"),
    ],
)
def test_vendors_message_is_shown_without_its_technical_field_name(message: str, label: str) -> None:
    submission = Submission()
    submission.encrypted_vendor_message = encrypted(submission, "encrypted_vendor_message", message)
    assert labels.vendor_field_message(submission) == label


def test_normalisation_is_named_at_its_field_and_an_unchanged_value_is_not() -> None:
    codes = ["emails:domain_case", "emails:invisible", "emails:magic", "nothing", ":", 7, None]
    assert labels.normalisation_notes(codes) == {
        "emails": ["The domain was changed to lower case.", "Invisible characters were removed."]
    }


def test_every_normalisation_and_phone_fault_has_a_label() -> None:
    assert set(labels.NORMALISATIONS) == set(value_lists.Normalisation)
    assert set(labels.PHONE_FAULTS) == set(phones.PhoneFault)


@pytest.mark.parametrize(
    ("number", "label"),
    [
        ("085 123 4567", "Ireland: +353851234567"),
        ("+44 20 7946 0018", "United Kingdom: +442079460018"),
        ("+800 1234 5678", "International: +80012345678"),
        (
            "06 12 34 56 78",
            "06 12 34 56 78 is not a valid number in Ireland. Add the country code, such as +33.",
        ),
        ("+48 (0) 22 512 3456", "+48 (0) 22 512 3456 is not a valid number in Poland. Check it."),
        ("+999 1", "+999 1 has a country code that does not exist. Check it."),
        (
            "085 1234567/8",
            "085 1234567/8 looks like more than one number. Enter each in a separate field.",
        ),
        (
            "353851234567.0",
            "353851234567.0 has decimals, as in a spreadsheet. Remove the dot and the digits after it.",
        ),
        ("reception", "reception cannot be read as a phone number. It will be sent as typed."),
    ],
)
def test_phone_number_shows_its_reading_or_the_reason_why_not(number: str, label: str) -> None:
    assert labels.phone_reading(number, phones.read(number)) == label


def test_example_country_code_is_of_another_country(settings: Settings) -> None:
    settings.PHONE_REGION = "FR"
    label = labels.phone_reading("08 123", phones.read("08 123"))
    assert label == "08 123 is not a valid number in France. Add the country code, such as +44."
