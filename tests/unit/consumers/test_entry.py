"""The whole entry: choices, required fields, lists of rows, and the JSON that is sent."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable

import pytest
from django.core.exceptions import TooManyFieldsSent
from django.template.loader import render_to_string
from django_countries import countries
from pytest_django import Settings

from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.fields import NAMES, VENDOR_NAMES
from apps.consumers import value_lists
from apps.consumers.demonyms import DEMONYMS
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.forms.blank import blank_fields
from apps.consumers.forms.consumer import MISSING, ConsumerForm
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.flat_values import (
    counts_every_row,
    rows_of,
    values_of,
    with_row_added,
    with_row_removed,
)
from apps.consumers.forms.lists import LISTS
from apps.consumers.system_checks import check_form_settings
from apps.history.columns import COLUMNS
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.entries import FULL, clean, identifier_rows, messages, posted, read, rows, sent


# --- What is sent ---------------------------------------------------------------------------------
def test_every_field_of_the_vendors_page_is_sent_as_entered() -> None:
    consumer = sent(posted(FULL))
    assert consumer == FULL
    assert {*consumer.to_json()} == {*VENDOR_NAMES.values()}
    assert consumer.to_json() == {
        "title": "Dr",
        "firstName": "Aoife Zaphodina",
        "lastName": "O’Beeblebrox",
        "gender": "unknown",
        "dateOfBirth": "1991-03-07T00:00:00Z",
        "emails": ["Aoife.Zed@example.com", "aoife@example.org"],
        "phoneNumbers": ["+353851234567", "+353161123345"],
        "nationality": "Irish",
        "passportNumber": "PZ4A9565",
        "country": "IE",
        "identifiers": [
            {"provider": "ProfileSystem", "id": "PS-77-Zaphod"},
            {"provider": "LoyaltyProgramme", "id": "LP-42-Zaphod"},
        ],
    }


def test_every_field_is_filled_in_from_an_earlier_submission() -> None:
    assert sent(values_of(SAMPLE_ORDER, FULL)) == FULL


def test_every_field_is_on_the_page_in_the_order_of_the_form() -> None:
    """The error summary follows the order of the form."""
    page = render_to_string("consumers/entry_fields.html", {"entry": read(posted(FULL))})
    shown = [
        name for name in dict.fromkeys(re.findall(r' name="(\w+)"', page)) if name in ConsumerForm.base_fields
    ]
    assert shown == [name for name in ConsumerForm.base_fields if name != "token"]


def test_empty_fields_are_not_in_the_json() -> None:
    values = posted(clean(emails=(), first_name="Ida", last_name="Clean"))
    assert sent(values).to_json() == {"firstName": "Ida", "lastName": "Clean"}


@pytest.mark.parametrize(("value", "words"), [("male", "Male"), ("female", "Female"), ("unknown", "Unknown")])
def test_gender_is_sent_as_the_vendors_value(value: str, words: str) -> None:
    assert sent(posted(clean(), gender=value)).to_json()["gender"] == value
    assert str(dict(value_lists.GENDERS)[value]) == words


def test_not_given_is_preselected_and_sends_no_gender() -> None:
    form = Entry.unbound(values_of("", None), ()).form
    assert form["gender"].value() == ""
    assert str(dict(form.fields["gender"].choices)[""]) == "Not given"  # type: ignore[attr-defined]  # a choice
    assert "gender" not in sent(posted(clean(), gender="")).to_json()


def test_titles_are_none_then_the_most_used_then_the_vendors_then_the_companys_own(
    settings: Settings,
) -> None:
    settings.COMMON_TITLES, settings.EXTRA_TITLES = ["Ms", "Mr"], ["Baroness", "Dr"]
    values = [value for value, _words in value_lists.title_choices()]
    assert value_lists.title_choices()[0] == ("", "No title")
    assert values[1:3] == ["Ms", "Mr"]
    assert values[-1] == "Baroness"
    assert len(values) == len(set(values)) == 1 + len(value_lists.TITLES) + 1
    assert sent(posted(clean(), title="Baroness")).title == "Baroness"
    assert "title" not in sent(posted(clean(), title="")).to_json()


def test_country_is_chosen_by_name_and_sent_as_alpha_2() -> None:
    choices = value_lists.country_choices()
    assert {("IE", "Ireland"), ("CI", "Côte d'Ivoire"), ("TR", "Türkiye")} <= {*choices}
    assert choices[0] == ("", "Not given")
    assert sent(posted(clean(), country="CI")).to_json()["country"] == "CI"
    names = [name for _code, name in choices[1:]]
    assert names.index("Åland Islands") < names.index("Afghanistan") + 10 < names.index("Zimbabwe")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        *(("UK", "GB"), ("England", "GB"), ("Scotland", "GB"), ("Northern Ireland", "GB"), ("Wales", "GB")),
        *(("USA", "US"), ("Holland", "NL"), ("Türkiye", "TR"), ("Turkey", "TR"), ("Turkiye", "TR")),
        *(("Ivory Coast", "CI"), ("Czech Republic", "CZ"), ("Ireland", "IE"), ("Netherlands", "NL")),
    ],
)
def test_country_is_found_by_typing_its_common_names(typed: str, code: str) -> None:
    """As a browser does: the first option that begins with the typed text."""
    choices = value_lists.country_choices()
    assert next(key for key, name in choices if name.casefold().startswith(typed.casefold())) == code


def test_country_with_several_names_is_shown_by_its_main_name() -> None:
    html = str(read(posted(clean(), country="GB")).form["country"])
    assert html.count(" selected") == 1
    assert '<option value="GB" selected>United Kingdom<option' in html
    assert '<option value="GB">UK (United Kingdom)' in html


@pytest.mark.parametrize(
    ("field", "value"), [("title", "Captain"), ("gender", "none"), ("country", "Ireland")]
)
def test_value_that_is_not_offered_is_an_error_at_its_field(field: str, value: str) -> None:
    [where] = messages(posted(clean(), **{field: value}))
    assert where.startswith(f"#id_{field}")


def test_nationalities_are_suggested_and_any_other_text_is_accepted() -> None:
    usual = {"Irish", "Spanish", "French", "Welsh", "I-Kiribati", "Palestinian", "Kosovar"}
    assert usual <= set(value_lists.nationalities())
    assert len(value_lists.nationalities()) == 301
    assert sent(posted(clean(), nationality="Klingon")).nationality == "Klingon"


def test_every_country_of_the_list_has_a_nationality() -> None:
    assert all(words and all(word and word == word.strip() for word in words) for words in DEMONYMS.values())
    assert DEMONYMS.keys() == {code for code, _name in countries} | {"XK"}


# --- Required fields ------------------------------------------------------------------------------
SINGLE = [
    "title",
    "first_name",
    "last_name",
    "gender",
    "date_of_birth",
    "nationality",
    "passport_number",
    "country",
]


@pytest.mark.parametrize("field", SINGLE)
def test_single_field_is_required_exactly_when_the_setting_names_it(field: str, settings: Settings) -> None:
    settings.REQUIRED_FIELDS = []
    assert messages(posted(FULL, **{field: ""})) == {}
    settings.REQUIRED_FIELDS = [field]
    empty = "" if field in ("title", "gender", "country") else " "
    [(where, error)] = messages(posted(FULL, **{field: empty})).items()
    assert where.startswith(f"#id_{field}")
    assert error == str(MISSING[field])
    assert messages(posted(FULL)) == {}


@pytest.mark.parametrize(
    ("field", "target"),
    [
        ("emails", "emails-0-value"),
        ("phone_numbers", "phone_numbers-0-value"),
        ("identifiers", "identifiers-0-id"),
    ],
)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_list_is_required_exactly_when_the_setting_names_it(
    field: str, target: str, number: int, settings: Settings
) -> None:
    empty = identifier_rows([("", "")] * number) if field == "identifiers" else rows(field, [""] * number)
    empty[f"{field}-TOTAL_FORMS"] = str(number)
    settings.REQUIRED_FIELDS = []
    assert messages({**posted(FULL), **empty}) == {}
    settings.REQUIRED_FIELDS = [field]
    assert messages({**posted(FULL), **empty}) == {f"#id_{target}": str(MISSING[field])}
    assert messages(posted(FULL)) == {}


def test_optional_field_is_marked_and_a_required_one_is_not(settings: Settings) -> None:
    settings.REQUIRED_FIELDS = ["last_name", "date_of_birth"]
    fields = Entry.unbound(values_of("", None), ()).form.fields
    labels = {name: str(field.label) for name, field in fields.items() if name != "token"}
    assert {name for name, label in labels.items() if label.endswith(" (optional)")} == set(labels) - {
        "order_ref",
        "last_name",
        "date_of_birth",
    }


@pytest.mark.parametrize("field", LISTS)
def test_visible_legend_of_a_list_says_once_whether_it_is_optional(field: str, settings: Settings) -> None:
    label = str(FIELD_LABELS[field])
    for required, shown in (([field], label), ([], f"{label} (optional)")):
        settings.REQUIRED_FIELDS = required
        legends = re.findall("<legend(.*?)>(.*?)</legend>", blank_fields(()))
        assert [one for one in legends if one[1].startswith(label)] == [("", shown)]  # not visually hidden


def test_every_field_has_a_missing_message_a_label_and_a_place_for_the_vendors_message() -> None:
    assert set(MISSING) == {*NAMES, "order_ref"}
    assert (*FIELD_LABELS,) == NAMES
    assert set(NAMES) == {field.name for field in dataclasses.fields(NewConsumer)}
    assert {*NAMES} <= {field.name for field in dataclasses.fields(OrderConsumer)}
    assert {*NAMES} == {*ConsumerForm.base_fields, *LISTS} - {"token", "order_ref"}
    assert {*NAMES} <= COLUMNS.keys()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DATE_ORDER", "year-day", "consumers.E001"),
        ("ORDER_CONSUMER_WORD", "passenger", "consumers.E005"),
        ("PHONE_REGION", "Ireland", "consumers.E002"),
        ("REQUIRED_FIELDS", ["last_name", "shoe_size"], "consumers.E003"),
    ],
)
def test_invalid_form_setting_is_reported_at_start(
    name: str, value: object, code: str, settings: Settings
) -> None:
    assert check_form_settings() == []
    setattr(settings, name, value)
    assert [problem.id for problem in check_form_settings()] == [code]


@pytest.mark.parametrize(
    ("identifiers", "emails", "by_email", "enough"),
    [
        ([("ProfileSystem", "1")], [], False, True),
        ([("profilesystem", "1")], ["ida@example.com"], False, False),
        ([], ["ida@example.com"], True, True),
        ([], [], True, False),
    ],
)
def test_sufficient_identity_is_required_if_the_setting_says_so(
    identifiers: list[tuple[str, str]], emails: list[str], by_email: bool, enough: bool, settings: Settings
) -> None:
    settings.IDENTITY_REQUIRED, settings.EMAIL_IDENTIFIES = True, by_email
    values = posted(clean(), **rows("emails", emails), **identifier_rows(identifiers))
    error = messages(values, "ProfileSystem")
    wanted = {"#id_identifiers-0-id": "Enter an identifier of one of the listed providers"}
    assert error == ({} if enough else wanted)


# --- Lists of rows --------------------------------------------------------------------------------
LIMITS = [
    ("emails", "MAX_EMAILS", "Enter at most 3 email addresses"),
    ("phone_numbers", "MAX_PHONE_NUMBERS", "Enter at most 3 phone numbers"),
    ("identifiers", "MAX_IDENTIFIERS", "Enter at most 3 identifiers"),
]


def _many(prefix: str, number: int) -> dict[str, str]:
    if prefix == "identifiers":
        return identifier_rows(("ProfileSystem", f"id-{index}") for index in range(number))
    if prefix == "emails":
        return rows(prefix, [f"ida{index}@example.com" for index in range(number)])
    return rows(prefix, [f"085 123 45{index:02}" for index in range(number)])


@pytest.mark.parametrize(("prefix", "setting", "message"), LIMITS)
def test_more_than_the_limit_is_reported_and_every_row_stays(
    prefix: str, setting: str, message: str, settings: Settings
) -> None:
    setattr(settings, setting, 3)
    assert messages(posted(clean(), **_many(prefix, 3))) == {}
    values = posted(clean(), **_many(prefix, 4))
    assert messages(values) == {f"#{prefix}": message}
    assert len(read(values).lists[prefix].forms) == 4


@pytest.mark.parametrize(("prefix", "setting"), [(prefix, setting) for prefix, setting, _m in LIMITS])
def test_twice_the_limit_gets_the_clear_error(prefix: str, setting: str, settings: Settings) -> None:
    limit = getattr(settings, setting)
    values = posted(clean(), **_many(prefix, min(2 * limit, 100) if prefix == "phone_numbers" else 2 * limit))
    [(where, error)] = messages(values).items()
    assert where == f"#{prefix}"
    assert error.startswith(f"Enter at most {limit} ")
    assert len(values) < settings.DATA_UPLOAD_MAX_NUMBER_FIELDS


def test_addresses_pasted_into_one_row_count_each(settings: Settings) -> None:
    settings.MAX_EMAILS = 3
    pasted = " ".join(f"ida{index}@example.com" for index in range(4))
    assert messages(posted(clean(), **rows("emails", [pasted]))) == {
        "#emails": "Enter at most 3 email addresses"
    }


def test_empty_rows_are_ignored_at_any_position() -> None:
    values = posted(
        clean(),
        **rows("emails", ["", "one@example.com", "  ", "two@example.com", ""]),
        **identifier_rows([("", ""), ("ProfileSystem", "1"), ("", " ")]),
    )
    consumer = sent(values)
    assert consumer.emails == ("one@example.com", "two@example.com")
    assert consumer.identifiers == (Identifier("ProfileSystem", "1"),)


@pytest.mark.parametrize(
    ("row", "where", "error"),
    [
        (("", "42"), "#id_identifiers-1-provider", "Choose the provider of this identifier"),
        (("ProfileSystem", ""), "#id_identifiers-1-id", "Enter the ID for this provider"),
        (("ProfileSystem", "  "), "#id_identifiers-1-id", "Enter the ID for this provider"),
    ],
)
def test_half_filled_identifier_is_an_error_at_the_missing_half(
    row: tuple[str, str], where: str, error: str
) -> None:
    values = posted(clean(), **identifier_rows([("ProfileSystem", "1"), row]))
    assert messages(values, "ProfileSystem") == {where: error}


@pytest.mark.parametrize(
    ("values", "where", "error"),
    [
        (
            rows("emails", ["ida@example.com", "other@example.com", "ida@EXAMPLE.com"]),
            "#id_emails-2-value",
            "This email address is already in the list",
        ),
        (
            rows("phone_numbers", ["085 123 4567", "+353851234567"]),
            "#id_phone_numbers-1-value",
            "This phone number is already in the list",
        ),
        (
            identifier_rows([("ProfileSystem", "1"), ("LoyaltyProgramme", "1"), ("ProfileSystem", "1")]),
            "#id_identifiers-2-id",
            "This identifier is already in the list",
        ),
    ],
)
def test_duplicate_value_is_an_error_at_the_second(values: dict[str, str], where: str, error: str) -> None:
    assert messages(posted(clean(), **values)) == {where: error}


def test_all_errors_are_shown_together_in_the_order_of_the_page(settings: Settings) -> None:
    values = posted(
        FULL,
        order_ref="x",
        last_name="",
        date_of_birth="31 2 1991",
        country="Ireland",
        **rows("emails", ["x"]),
        **identifier_rows([("", "1")]),
    )
    assert list(messages(values)) == [
        "#id_order_ref",
        "#id_last_name",
        "#id_date_of_birth",
        "#id_emails-0-value",
        "#id_country",
        "#id_identifiers-0-provider",
    ]


# --- Providers ------------------------------------------------------------------------------------
def _provider_choices(entry: Entry, index: int) -> list[str] | None:
    """The values that the page offers for a row's provider, in their order; None for free text."""
    field = str(entry.identifiers.forms[index]["provider"])
    return re.findall(r'<option value="([^"]*)"', field) if "<select" in field else None


def test_providers_of_the_rules_are_offered_in_their_order() -> None:
    entry = Entry.unbound(posted(clean()), ("ProfileSystem", "email"))
    assert _provider_choices(entry, 0) == ["", "ProfileSystem", "email"]


def test_without_a_rule_the_provider_is_free_text() -> None:
    values = posted(clean(), **identifier_rows([("Anything at all", "1")]))
    assert _provider_choices(Entry.unbound(values, ()), 0) is None
    assert sent(values).identifiers == (Identifier("Anything at all", "1"),)


@pytest.mark.parametrize("make", [Entry.unbound, Entry.bound])
def test_provider_whose_rule_was_removed_stays_selected(
    make: Callable[[dict[str, str], tuple[str, ...]], Entry],
) -> None:
    values = posted(clean(), **identifier_rows([("Gone", "1"), ("email", "2")]))
    entry = make(values, ("ProfileSystem", "email"))
    assert _provider_choices(entry, 0) == ["", "ProfileSystem", "email", "Gone"]
    assert _provider_choices(entry, 1) == ["", "ProfileSystem", "email"]
    assert entry.identifiers.forms[0]["provider"].value() == "Gone"
    assert sent(values, "ProfileSystem", "email").identifiers[0] == Identifier("Gone", "1")


# --- Add and remove without script ----------------------------------------------------------------
@pytest.mark.parametrize("prefix", ["emails", "phone_numbers", "identifiers"])
def test_additional_row_changes_nothing_else(prefix: str) -> None:
    values = posted(FULL)
    after = with_row_added(values, prefix)
    assert rows_of(after, prefix) == [
        *rows_of(values, prefix),
        dict.fromkeys(rows_of(values, prefix)[0], ""),
    ]
    assert {k: v for k, v in after.items() if not k.startswith(prefix)} == {
        k: v for k, v in values.items() if not k.startswith(prefix)
    }


@pytest.mark.parametrize("prefix", ["emails", "phone_numbers", "identifiers"])
@pytest.mark.parametrize("index", [0, 1])
def test_removed_row_closes_the_gap(prefix: str, index: int) -> None:
    values = posted(FULL)
    after = with_row_removed(values, prefix, index)
    assert rows_of(after, prefix) == [rows_of(values, prefix)[1 - index]]


@pytest.mark.parametrize("total", ["", "many", "-3", "1e3", "0"])
def test_row_is_found_by_its_name_whatever_the_count(total: str) -> None:
    values = {"emails-TOTAL_FORMS": total, "emails-1-value": "x"}
    assert rows_of(values, "emails") == [{"value": ""}, {"value": "x"}]
    assert not counts_every_row({**posted(FULL), **values})
    assert counts_every_row(posted(FULL))


@pytest.mark.parametrize("total", ["41", "99999", "9" * 5000])
def test_count_beyond_twice_the_limit_is_ignored(total: str) -> None:
    values = {"emails-TOTAL_FORMS": total, "emails-1-value": "x"}
    assert rows_of(values, "emails") == [{"value": ""}, {"value": "x"}]
    assert not counts_every_row({**posted(FULL), **values})
    assert len(rows_of({"emails-TOTAL_FORMS": "40"}, "emails")) == 40


@pytest.mark.parametrize("index", ["40", "99999", "999999", "9" * 5000])
def test_row_beyond_twice_the_limit_is_refused_and_never_dropped(index: str) -> None:
    values = {"emails-TOTAL_FORMS": "1", f"emails-{index}-value": "x"}
    with pytest.raises(TooManyFieldsSent):
        rows_of(values, "emails")
    with pytest.raises(TooManyFieldsSent):
        Entry.unbound(values, ())
    with pytest.raises(TooManyFieldsSent):
        counts_every_row({**posted(FULL), **values})


# --- Filled from an earlier submission ------------------------------------------------------------
@pytest.mark.parametrize("consumer", [FULL, clean(), clean(date_of_birth=datetime.date(2000, 2, 29))])
@pytest.mark.parametrize("order", ["day-month", "month-day"])
def test_sent_values_pass_the_form_again_unchanged(consumer: object, order: str, settings: Settings) -> None:
    settings.DATE_ORDER = order
    assert isinstance(consumer, type(FULL))
    values = values_of(SAMPLE_ORDER, consumer)
    assert sent(values, "ProfileSystem") == consumer
    assert read(values).order_ref == SAMPLE_ORDER


def test_each_page_has_its_own_token() -> None:
    values = posted(FULL)
    one, other = (Entry.unbound(values, ()).form["token"].value() for _ in range(2))
    assert len({one, other, values["token"]}) == 3


def test_token_survives_errors() -> None:
    values = posted(FULL, last_name="")
    assert read(values).form["token"].value() == values["token"]
