"""The value that each field reads from typed text, and its errors."""

from __future__ import annotations

import datetime
import unicodedata
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from apps.consumers.forms.fields import SAMPLE_ORDER_REF
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.entries import FULL, clean, identifier_rows, messages, posted, read, rows, sent

UPPER = SAMPLE_ORDER.upper()
API = "https://api-engage-eu.sitecorecloud.io/v2.1"
NOT_A_REFERENCE = f"Enter the order reference in full, such as {SAMPLE_ORDER_REF}"
NOT_A_DATE = "Date of birth must be a real date, such as 7 March 1991"
CONTROL = "Remove the line breaks and control characters"


# --- Order reference ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "reference"),
    [
        (SAMPLE_ORDER, SAMPLE_ORDER),
        (f"  {SAMPLE_ORDER}\t", SAMPLE_ORDER),
        (UPPER, UPPER),
        (SAMPLE_ORDER.replace("-", ""), SAMPLE_ORDER),
        (f"https://api-engage-eu.sitecorecloud.io/v2.1/orders/{SAMPLE_ORDER}", SAMPLE_ORDER),
        (f"https://api-engage-eu.sitecorecloud.io/v2.1/orders/{SAMPLE_ORDER}/consumers", SAMPLE_ORDER),
        (f"https://api-engage-eu.sitecorecloud.io/v2.1/orders/{UPPER}?expand=true#top", UPPER),
        (f" http://127.0.0.1:8031/v2.1/orders/{SAMPLE_ORDER}/ ", SAMPLE_ORDER),
        (f"/v2.1/orders/{SAMPLE_ORDER}", SAMPLE_ORDER),
        (f"https://app.example/%6Frders/{SAMPLE_ORDER}", SAMPLE_ORDER),
    ],
)
def test_order_reference_is_trimmed_and_a_pasted_link_reduced_to_it(typed: str, reference: str) -> None:
    entry = read(posted(order_ref=typed))
    assert list(entry.errors()) == []
    assert entry.order_ref == reference


@pytest.mark.parametrize(
    "typed",
    [
        "B94TXY-1",
        SAMPLE_ORDER[:-1],
        f"{SAMPLE_ORDER}0",
        f"{SAMPLE_ORDER} {SAMPLE_ORDER}",
        SAMPLE_ORDER.replace("2d7de9df", "2d7de9dg"),
        unicodedata.normalize("NFKC", SAMPLE_ORDER).replace("2", "２"),  # a full-width two
        SAMPLE_ORDER.replace("4", "٤"),  # an Arabic four
    ],
)
def test_invalid_order_reference_is_refused_and_stays_in_the_field(typed: str) -> None:
    values = posted(order_ref=typed)
    assert messages(values) == {"#id_order_ref": NOT_A_REFERENCE}
    assert read(values).form["order_ref"].value() == typed


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (f"{API}/orders?guestRef={SAMPLE_ORDER}&offset=1", "This link leads to a guest."),
        (f"{API}/guests/{SAMPLE_ORDER}", "This link leads to a guest."),
        (f"{API}/orderConsumers/{SAMPLE_ORDER}", "This link leads to an order consumer."),
        (
            f"https://portal.example/submissions/{SAMPLE_ORDER}/",
            "This link leads to a submission of the portal.",
        ),
        (f"{API}/orders/", "This link contains no such reference."),
        (f"{API}/orders/..%2F{SAMPLE_ORDER}", "This link contains no such reference."),
        (f"../{SAMPLE_ORDER}", "This link contains no such reference."),
        ("https://[orders/x", "This link contains no such reference."),
        ("jane@example.com", "This is an email address."),
    ],
)
def test_value_entered_instead_of_an_order_is_named_and_stays_in_the_field(typed: str, why: str) -> None:
    values = posted(order_ref=typed)
    assert messages(values) == {"#id_order_ref": f"{why} {NOT_A_REFERENCE}"}
    assert read(values).form["order_ref"].value() == typed


@pytest.mark.parametrize("typed", ["", "   ", "\u200b\u2060"])
def test_order_reference_is_always_required(typed: str, settings: Settings) -> None:
    settings.REQUIRED_FIELDS = []
    assert messages(posted(order_ref=typed)) == {"#id_order_ref": "Enter the order"}


# --- Names ----------------------------------------------------------------------------------------
NAMES = [
    "O’Brien-d'Arcy",
    "Nguyễn Thị Ánh",
    "Zoe\N{COMBINING DIAERESIS} A\N{COMBINING CEDILLA}",
    "محمد عبد الله",
    "司馬遼太郎",
    "van der Berg",
    "J. R. R.",
    "Ida 🦊",
    "علی\N{ZERO WIDTH NON-JOINER}رضا",
    "👩🚀",
    "SHOUTING",
    "whisper",
    "=SUM(1)",
    "<b>bold</b>",
    "0",
    "名" * 100,
]


@pytest.mark.parametrize("name", NAMES)
def test_name_is_sent_as_typed_without_surrounding_blanks(name: str) -> None:
    consumer = sent(posted(FULL, first_name=f"  {name}\t", last_name=name))
    assert (consumer.first_name, consumer.last_name) == (name, name)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("first_name", "The first name has at most 100 characters"),
        ("last_name", "The last name has at most 100 characters"),
        ("nationality", "The nationality has at most 100 characters"),
    ],
)
def test_101st_character_is_reported_and_nothing_is_truncated(field: str, message: str) -> None:
    values = posted(FULL, **{field: "名" * 101})
    assert messages(values) == {f"#id_{field}": message}
    assert read(values).form[field].value() == "名" * 101


@pytest.mark.parametrize("text", ["Ida\x00", "I\x07da", "Ida\nClean", "I\x85da", "I\x1bda"])
@pytest.mark.parametrize("field", ["first_name", "last_name", "nationality", "passport_number"])
def test_control_characters_are_refused_and_the_text_stays(field: str, text: str) -> None:
    values = posted(FULL, **{field: text})
    [(where, errors)] = messages(values).items()
    assert where == f"#id_{field}"
    assert errors in (CONTROL, "Null characters are not allowed.")
    assert read(values).form[field].value() == text


@pytest.mark.parametrize(("field", "words"), [("first_name", "first name"), ("last_name", "last name")])
@pytest.mark.parametrize("typed", ["", "   "])
def test_missing_name_shows_the_next_step(field: str, words: str, typed: str) -> None:
    assert messages(posted(FULL, **{field: typed})) == {f"#id_{field}": f"Enter the {words}"}


# --- Date of birth --------------------------------------------------------------------------------
@pytest.mark.parametrize("typed", ["31 February 1991", "31/02/1991", "1991-02-31", "soon", "7" * 41])
def test_impossible_date_is_an_error_and_stays_in_the_field(typed: str) -> None:
    values = posted(FULL, date_of_birth=typed)
    assert messages(values) == {"#id_date_of_birth": NOT_A_DATE}
    assert read(values).form["date_of_birth"].value() == typed


@pytest.mark.parametrize("typed", ["7 3 91", "7/3/91", "7 March '91", "070391"])
def test_two_digit_year_is_reported_as_such(typed: str) -> None:
    values = posted(FULL, date_of_birth=typed)
    assert messages(values) == {"#id_date_of_birth": "Enter the year in four digits"}
    assert read(values).form["date_of_birth"].value() == typed


def test_day_month_order_is_a_setting(settings: Settings) -> None:
    assert sent(posted(FULL, date_of_birth="03/07/1991")).date_of_birth == datetime.date(1991, 7, 3)
    settings.DATE_ORDER = "month-day"
    assert sent(posted(FULL, date_of_birth="03/07/1991")).date_of_birth == datetime.date(1991, 3, 7)
    assert messages(posted(FULL, date_of_birth="31/12/1991")) == {"#id_date_of_birth": NOT_A_DATE}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "now", ["2026-03-07T00:00:01+00:00", "2026-03-07T12:00:00+00:00", "2026-03-07T23:59:59+00:00"]
)
def test_before_today_is_in_utc_whatever_the_local_clock(now: str, zone: str) -> None:
    moment = datetime.datetime.fromisoformat(now)
    local = moment.astimezone(ZoneInfo(zone))
    with time_machine.travel(local, tick=False), timezone.override(zone):
        assert sent(posted(FULL, date_of_birth="6 March 2026")).date_of_birth == datetime.date(2026, 3, 6)
        for day in ("7 March 2026", "8 March 2026", "7 March 2126"):
            errors = messages(posted(FULL, date_of_birth=day))
            assert errors == {"#id_date_of_birth": "Date of birth must be before today"}


# --- E-mail addresses and phone numbers -----------------------------------------------------------
def test_only_the_domain_of_an_email_address_is_lower_cased() -> None:
    consumer = sent(posted(FULL, **rows("emails", [" Aoife.ZED+Trip@EXAMPLE.Com "])))
    assert consumer.emails == ("Aoife.ZED+Trip@example.com",)


@pytest.mark.parametrize("gap", [", ", ";", " ", "\n", "\r\n", "\t", " ; ,"])
def test_several_email_addresses_pasted_into_one_field_are_split(gap: str) -> None:
    pasted = gap.join(["one@example.com", "two@example.com", "three@example.com"])
    consumer = sent(posted(FULL, **rows("emails", [pasted, "four@example.com"])))
    assert consumer.emails == ("one@example.com", "two@example.com", "three@example.com", "four@example.com")


@pytest.mark.parametrize(
    "typed", ["ida", "ida@", "@example.com", "one@example.com, two", "Ida <i@example>", "Ida <>"]
)
def test_invalid_email_address_is_refused_at_its_row_and_stays(typed: str) -> None:
    values = posted(FULL, **rows("emails", ["ida@example.com", typed]))
    assert messages(values) == {
        "#id_emails-1-value": "Enter the email address in full, such as name@example.com"
    }
    assert read(values).emails.forms[1]["value"].value() == typed


def test_phone_number_is_sent_in_e164_if_readable_and_otherwise_as_typed() -> None:
    typed = ["085 123 4567", "+353 (1) 612 3345", "085 123 4567 ext. 9", "reception"]
    consumer = sent(posted(FULL, **rows("phone_numbers", typed)))
    assert consumer.phone_numbers == ("+353851234567", "+35316123345", "085 123 4567 ext. 9", "reception")


@pytest.mark.parametrize("gap", [", ", ";", "\n"])
def test_several_phone_numbers_pasted_into_one_field_are_split(gap: str) -> None:
    pasted = gap.join(["085 123 4567", "01 612 3345"])
    assert sent(posted(FULL, **rows("phone_numbers", [pasted]))).phone_numbers == (
        "+353851234567",
        "+35316123345",
    )


@pytest.mark.parametrize(
    "pasted",
    [
        "Doe, Jane <jane@example.com>; Bob <bob@example.com>",
        "mailto:jane@example.com\r\n<bob@EXAMPLE.com>",
        "jane@example.com\u200b, bob@example.com",
    ],
)
def test_email_addresses_are_read_as_a_mail_program_writes_them(pasted: str) -> None:
    consumer = sent(posted(FULL, **rows("emails", [pasted])))
    assert consumer.emails == ("jane@example.com", "bob@example.com")


def test_same_mailbox_in_another_case_is_a_duplicate() -> None:
    errors = messages(posted(FULL, **rows("emails", ["Jane@example.com", "jane@Example.com"])))
    assert errors == {"#id_emails-1-value": "This email address is already in the list"}


# --- Values that are changed before sending -------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ({}, set()),
        ({"first_name": " Ida\u200b "}, {"first_name:invisible", "first_name:blanks"}),
        ({"last_name": "علی\u200cرضا"}, set()),
        ({"nationality": "New\u00a0Zealander"}, {"nationality:blanks"}),
        ({"passport_number": "pz4\u2060a"}, {"passport_number:invisible", "passport_number:upper_case"}),
        (rows("emails", ["Ida@EXAMPLE.com"]), {"emails:domain_case"}),
        (rows("emails", ["Ida <ida@example.com>\ufeff"]), {"emails:address_only", "emails:invisible"}),
        (
            rows("phone_numbers", ["\u202a085 123 4567\u202c"]),
            {"phone_numbers:e164", "phone_numbers:invisible"},
        ),
        (rows("phone_numbers", ["+353851234567", "reception"]), set()),
        (identifier_rows([("ProfileSystem", "LP-0048213\u200b")]), {"identifiers:invisible"}),
        (identifier_rows([("ProfileSystem\u200b", "LP 1")]), {"identifiers:invisible"}),
        ({"order_ref": f"{API}/orders/{SAMPLE_ORDER}"}, set()),
    ],
)
def test_values_changed_before_sending_are_named(typed: dict[str, str], normalised: set[str]) -> None:
    entry = read(posted(clean(), **typed))
    assert list(entry.errors()) == []
    assert entry.normalised() == normalised


# --- Document -------------------------------------------------------------------------------------
def test_passport_number_is_sent_in_upper_case() -> None:
    assert sent(posted(FULL, passport_number=" pz4a9565 ")).passport_number == "PZ4A9565"


def test_identifiers_are_sent_exactly() -> None:
    consumer = sent(posted(FULL, **identifier_rows([("profileSystem", " aB-1 2 ")])))
    assert [(item.provider, item.id) for item in consumer.identifiers] == [("profileSystem", "aB-1 2")]


def test_valid_entry_has_no_notices() -> None:
    assert messages(posted(clean())) == {}
