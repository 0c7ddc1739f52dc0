"""A phone number is read completely or not at all: no digit is dropped, no number becomes another one."""

from __future__ import annotations

from operator import itemgetter
from typing import NoReturn

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from pytest_django import Settings

from apps.consumers.phones import PhoneFault, e164, read


@pytest.mark.parametrize(
    "text",
    [
        "085 123 4567",
        "0851234567",
        "(085) 123-4567",
        "085/123.4567",
        "+353 85 123 4567",
        "+353851234567",
        "00353 85 123 4567",
        "(+353) 85 123 4567",
        "+353 (0)85 123 4567",
        "353 85 123 4567",
        "085\N{NO-BREAK SPACE}123\N{NARROW NO-BREAK SPACE}4567",
        "085\N{NON-BREAKING HYPHEN}123\N{EN DASH}4567",
        "085\N{MINUS SIGN}123\N{EM DASH}4567",
        "０８５ １２３ ４５６７",
        "＋353 85 123 4567",
        "085 123 4567.",
    ],
)
def test_number_is_read_in_the_companys_region(text: str) -> None:
    reading = read(text)
    assert (reading.e164, reading.region, reading.fault) == ("+353851234567", "IE", None)


def test_national_number_differs_by_region(settings: Settings) -> None:
    settings.PHONE_REGION = "GB"
    assert e164("07400 123456") == "+447400123456"
    assert e164("+353 85 123 4567") == "+353851234567"


@pytest.mark.parametrize(
    ("text", "number", "region"),
    [
        ("+49 30/123456", "+4930123456", "DE"),
        ("+49 (30) 123456-78", "+493012345678", "DE"),
        ("+44 (0)20 7946 0018", "+442079460018", "GB"),
        ("+39 06 1234 5678", "+390612345678", "IT"),
        ("+800 1234 5678", "+80012345678", "001"),
    ],
)
def test_number_of_another_country_names_it(text: str, number: str, region: str) -> None:
    assert (read(text).e164, read(text).region) == (number, region)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("085 123 4567 ext. 12", PhoneFault.CHARACTERS),
        ("085 123 4567 x12", PhoneFault.CHARACTERS),
        ("085 123 4567#12", PhoneFault.CHARACTERS),
        ("1800 FLOWERS", PhoneFault.CHARACTERS),
        ("tel:+353851234567", PhoneFault.CHARACTERS),
        ("mobile 085 123 4567", PhoneFault.CHARACTERS),
        ("085 1234567 or 085 1234568", PhoneFault.CHARACTERS),
        ("(085) (123) 4567", PhoneFault.CHARACTERS),
        ("(085 123 4567", PhoneFault.CHARACTERS),
        ("++353 85 123 4567", PhoneFault.CHARACTERS),
        ("085+123 4567", PhoneFault.CHARACTERS),
        ("٠٨٥١٢٣٤٥٦٧", PhoneFault.CHARACTERS),
        ("()", PhoneFault.CHARACTERS),
        ("", PhoneFault.CHARACTERS),
        ("+49 30 123456 / 123457", PhoneFault.SEVERAL),
        ("085 1234567/8", PhoneFault.SEVERAL),
        ("085 1234567 / 085 1234568", PhoneFault.SEVERAL),
        ("+49 30 123456 - 123457", PhoneFault.SEVERAL),
        ("+49 30 123456 – 123457", PhoneFault.SEVERAL),
        ("353851234567.0", PhoneFault.DECIMAL),
        ("0851234567.0", PhoneFault.DECIMAL),
        ("851234567.0 ", PhoneFault.DECIMAL),
        ("+353851234567.5", PhoneFault.DECIMAL),
        ("+48 (0) 22 512 3456", PhoneFault.NOT_VALID),
        ("+353", PhoneFault.NOT_VALID),
        ("+999 123 456 789", PhoneFault.NOT_VALID),
        ("06 12 34 56 78", PhoneFault.NOT_VALID_HERE),
        ("08", PhoneFault.NOT_VALID_HERE),
        ("085 123 4567 085 123 4568", PhoneFault.SEVERAL),
        ("+49 30 123456 123457", PhoneFault.SEVERAL),
        ("+49 30 123456-123457", PhoneFault.SEVERAL),
        ("+49 30 123456- 123457", PhoneFault.SEVERAL),
        ("+49 30 123456 (123457)", PhoneFault.SEVERAL),
        ("+49 30 123456 (78)", PhoneFault.SEVERAL),
        ("01 234 5678²", PhoneFault.CHARACTERS),
        ("+49 30 123456¹", PhoneFault.CHARACTERS),
        ("+49 30 123456①", PhoneFault.CHARACTERS),
        ("3.53851E+11", PhoneFault.CHARACTERS),
    ],
)
def test_invalid_number_is_not_read_and_gives_the_reason(text: str, fault: PhoneFault) -> None:
    assert (read(text).e164, read(text).fault) == ("", fault)
    assert e164(text) is None


def test_number_without_its_area_code_is_not_complete(settings: Settings) -> None:
    settings.PHONE_REGION = "US"
    assert e164("253 0000") is None
    assert e164("(650) 253-0000") == "+16502530000"


@pytest.mark.parametrize("separators", ["/" * 230, " /" * 2_400, "- " * 100])
def test_beginning_of_a_text_is_parsed_a_few_times_whatever_separators_follow(
    separators: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def counted(number: str, region: str | None) -> NoReturn:
        parsed.append(number)
        raise phonenumbers.NumberParseException(phonenumbers.NumberParseException.NOT_A_NUMBER, "")

    monkeypatch.setattr(phonenumbers, "parse", counted)
    assert read(f"+353 86 123{separators}4567").fault is PhoneFault.NOT_VALID
    assert 0 < len(parsed) < 10


def test_second_number_is_found_wherever_the_text_ends() -> None:
    for much in ("/" * 300, " / 085 1234568" * 50, "." * 200 + " 085 1234568"):
        assert read(f"085 1234567{much}").fault is PhoneFault.SEVERAL, much[:20]


# --- The library's own examples -------------------------------------------------------------------

TYPES = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
EXAMPLES = [
    (region, kind, number)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in TYPES
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None
]


def test_no_example_number_of_any_region_and_type_becomes_another_number(settings: Settings) -> None:
    """International everywhere, national at home: read as itself, or not read and then sent as typed."""
    assert len(EXAMPLES) > 1_000
    wrong, read_at_home, read_abroad = [], 0, 0
    for region, _kind, number in EXAMPLES:
        itself = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
        national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        settings.PHONE_REGION = region
        read_at_home += e164(national) == itself
        wrong += [(region, text) for text in _ways(national) if e164(text) not in (itself, None)]
        settings.PHONE_REGION = "IE" if region != "IE" else "FR"
        read_abroad += e164(international) == itself
        wrong += [(region, text) for text in _ways(international) if e164(text) not in (itself, None)]
    assert wrong == []
    assert read_abroad == len(EXAMPLES)
    assert read_at_home > 0.99 * len(EXAMPLES)


# These write a national number with a zero in front, which an international one does not have.
@pytest.mark.parametrize("region", ["AT", "AU", "CH", "DE", "FI", "FR", "GB", "IE", "JP", "NL", "SE"])
def test_international_number_without_its_plus_sign_becomes_no_other_number(
    settings: Settings, region: str
) -> None:
    settings.PHONE_REGION = region
    numbers = [phonenumbers.format_number(number, PhoneNumberFormat.E164) for *_about, number in EXAMPLES]
    assert [number for number in numbers if e164(number[1:]) not in (number, None)] == []


@pytest.mark.parametrize(
    ("region", "text", "expected"),
    [
        ("DE", "447911123456", ""),
        ("DE", "33612345678", ""),
        ("DE", "1512 3456789", ""),  # a mobile number that lost its zero, or one in Texas
        ("DE", "01512 3456789", "+4915123456789"),
        ("DE", "4915123456789", ""),  # Germany's code, or the area code 4915
        ("IE", "353851234567", "+353851234567"),
        ("DE", "00447911123456", "+447911123456"),
        ("US", "(415) 555-2671", "+14155552671"),  # as it is written there
    ],
)
def test_number_that_may_have_lost_its_plus_sign_is_read_only_if_both_readings_agree(
    settings: Settings, region: str, text: str, expected: str
) -> None:
    settings.PHONE_REGION = region
    assert read(text).fault is (None if expected else PhoneFault.AMBIGUOUS)
    assert read(text).e164 == expected


def test_two_numbers_or_decimals_are_never_read_as_one(settings: Settings) -> None:
    # A third of the regions for each kind.
    for region, _kind, number in sorted(EXAMPLES, key=itemgetter(1))[::3]:
        settings.PHONE_REGION = region
        international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
        national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        for text in (international, national):
            if e164(text) is None:
                continue
            joined = [
                f"{text}{separator}{national}" for separator in (" ", "-", " - ", "- ", ".", "/", " / ")
            ]
            odd = [f"{text}/8", f"{text}.0", f"{text}.5", f"{text} ({national})", f"{text} (8)", f"{text}²"]
            for more in (*joined, *odd):
                assert e164(more) is None, (region, more)


def _ways(text: str) -> list[str]:
    """The usual notations of the number."""
    return [
        text,
        text.replace(" ", ""),
        text.replace(" ", "-"),
        text.replace(" ", "\N{NO-BREAK SPACE}"),
        text.replace("-", "\N{EN DASH}"),
        f"{text}.",
    ]
