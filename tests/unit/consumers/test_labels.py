"""Every outcome and every code of the client has words, and none of them blames the person."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.cdp.errors import CdpError, ErrorCode
from apps.cdp.refusals import REFUSALS
from apps.consumers import labels, phones, value_lists
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import warnings
from apps.consumers.sending.warnings import EntryWarning
from apps.core.encryption import encrypt

A_STATUS = re.compile(r"http_(\d{3})")


def _classes(kind: type[CdpError] = CdpError) -> Iterator[type[CdpError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _classes(below)


CODES = sorted(
    {*ErrorCode, *(kind.default_code for kind in _classes()), *(code for _kind, code in REFUSALS.values())}
)


def test_every_code_is_known_or_says_its_status() -> None:
    assert {"invalid", "http_413", "http_500"} <= {*CODES}
    assert [code for code in CODES if code not in {*ErrorCode} and not A_STATUS.fullmatch(code)] == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_client_has_words(code: str) -> None:
    said = labels.reason(Submission(error_code=code, outcome=Outcome.UNKNOWN))
    if status := A_STATUS.fullmatch(code):
        assert said == f"Sitecore CDP answered with an error ({status[1]})."
    else:
        assert code in labels.REASONS
        assert said == str(labels.REASONS[code])
    assert said.endswith(".")
    assert not re.search(r"please|sorry|invalid", said, re.IGNORECASE)


def test_without_an_error_there_is_no_reason() -> None:
    assert labels.reason(Submission(outcome=Outcome.CREATED)) == ""


def test_the_words_that_the_pages_promise() -> None:
    assert labels.reason(Submission(error_code="unauthorized")) == (
        "The portal could not sign in to Sitecore CDP. Your entry is kept."
        " An administrator has to check the API credentials."
    )
    assert (
        labels.reason(Submission(error_code="not_found")) == "Sitecore CDP has no order with this reference."
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_headline_of_its_own(outcome: Outcome) -> None:
    others = {labels.headline(other) for other in Outcome if other != outcome}
    assert labels.headline(outcome)
    assert labels.headline(outcome) not in others


@pytest.mark.parametrize("code", [*labels.WARNINGS])
def test_every_reason_to_stop_has_words(code: str) -> None:
    said = labels.warning_text(EntryWarning(code, "order_ref", part="МР"))
    assert said == str(labels.WARNINGS[code]).replace("%(letters)s", "М Р")


@pytest.mark.parametrize(
    ("outcome", "start"),
    [
        (Outcome.CREATED, "A similar consumer was created on this order."),
        (Outcome.SENDING, "A similar consumer is being sent to this order."),
        (Outcome.UNKNOWN, "A similar consumer was sent to this order; it is unknown whether it exists."),
    ],
)
def test_a_similar_consumer_is_told_with_its_outcome_and_what_is_the_same(
    outcome: Outcome, start: str
) -> None:
    warning = EntryWarning(
        warnings.SIMILAR, "last_name", Submission(outcome=outcome), ("last_name", "emails")
    )
    assert labels.warning_text(warning) == f"{start} The same: last name, email addresses."


@pytest.mark.parametrize(
    ("message", "said"),
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
def test_the_vendors_message_is_told_without_its_technical_field_name(message: str, said: str) -> None:
    assert labels.vendor_field_message(Submission(encrypted_vendor_message=encrypt(message))) == said


def test_a_normalisation_is_named_at_its_field_and_what_is_none_says_nothing() -> None:
    codes = ["emails:domain_case", "emails:invisible", "emails:magic", "nothing", ":", 7, None]
    assert labels.normalisation_notes(codes) == {
        "emails": ["The domain was changed to lower case.", "Invisible characters were removed."]
    }


def test_every_normalisation_and_every_fault_of_a_phone_number_has_words() -> None:
    assert set(labels.NORMALISATIONS) == set(value_lists.Normalisation)
    assert set(labels.PHONE_FAULTS) == set(phones.PhoneFault)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("085 123 4567", "Ireland: +353851234567"),
        ("+44 20 7946 0018", "United Kingdom: +442079460018"),
        ("+800 1234 5678", "International: +80012345678"),
        (
            "06 12 34 56 78",
            "06 12 34 56 78 is not a valid number in Ireland. Add the country code, such as +33.",
        ),
        ("+48 (0) 22 512 3456", "+48 (0) 22 512 3456 is not a valid number in Poland. Check it."),
        ("+999 1", "+999 1 has no country code that exists. Check it."),
        (
            "085 1234567/8",
            "085 1234567/8 looks like more than one number. Enter each in a field of its own.",
        ),
        (
            "353851234567.0",
            "353851234567.0 has decimals, as spreadsheets write numbers. Remove the dot and what follows.",
        ),
        ("reception", "reception cannot be read as a phone number. It will be sent as typed."),
    ],
)
def test_a_phone_number_says_how_it_is_read_or_why_it_is_not(number: str, said: str) -> None:
    assert labels.phone_reading(number, phones.read(number)) == said


def test_the_country_code_of_the_example_is_another_country(settings: Settings) -> None:
    settings.PHONE_REGION = "FR"
    said = labels.phone_reading("08 123", phones.read("08 123"))
    assert said == "08 123 is not a valid number in France. Add the country code, such as +44."
