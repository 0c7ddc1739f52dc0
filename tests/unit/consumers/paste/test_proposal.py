"""What is proposed: the field of each column, the value of each cell, what has no place."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from pytest_django import Settings

from apps.cdp.fields import FIELDS
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.paste.cells import Note, Problem, Reading, read_cell
from apps.consumers.paste.columns import TARGETS, guessed_targets, known_headers, targets_of_headers
from apps.consumers.paste.mrz import check_digit, read_mrz
from apps.consumers.paste.nationalities import demonyms_of_code
from apps.consumers.paste.proposal import Item, Proposal, propose_mrz, propose_row
from apps.consumers.paste.reading import read_paste
from apps.consumers.paste.rows import Row, header_key, read_row
from apps.consumers.presenters.paste import MRZ_PARTS, NOTES, PROBLEMS
from tests.support.travel_documents import SPECIMEN, TODAY


def row(*cells: str) -> Row:
    return Row(cells, None)


def mrz(text: str) -> Proposal:
    found = read_mrz(text, today=TODAY)
    assert found is not None
    return propose_mrz(found)


def part(proposal: Proposal, source: str) -> Item:
    return next(item for item in proposal.items if item.source == source)


# --- Columns --------------------------------------------------------------------------------------
def test_labels_vendor_names_and_common_headers_are_known() -> None:
    for field in FIELDS:
        if field.name == "identifiers":
            continue
        headers = (str(FIELD_LABELS[field.name]), field.vendor_name, field.name)
        assert targets_of_headers(headers, ()) == (field.name,) * 3
    common = ("DOB", "Surname", "Mobile", "e-mail 3", "Passport no.", "Sex", "Order number", "Given names")
    assert targets_of_headers(common, ()) == (
        "date_of_birth", "last_name", "phone_numbers", "emails", "passport_number", "gender", "order_ref",
        "first_name",
    )  # fmt: skip
    assert targets_of_headers(("Name", "Shoe size", ""), ()) == ("", "", "")


def test_provider_is_a_header_and_never_hides_a_field() -> None:
    assert targets_of_headers(("loyalty-card", "Email"), ("Loyalty Card", "email")) == (
        "identifier:Loyalty Card",
        "emails",
    )
    assert set(known_headers(()).values()) == set(TARGETS)


def test_providers_that_differ_little_are_named_by_their_exact_names_only() -> None:
    providers = ("CRM1", "CRM2", "crm", "Loyalty-Card", "365", "###")
    assert targets_of_headers(providers, providers) == tuple(f"identifier:{name}" for name in providers)
    inexact = ("CRM", "crm 1", "CRM-2", "loyalty card", " CRM2 ", "", "366", "#")
    assert targets_of_headers(inexact, providers) == (
        "", "", "", "identifier:Loyalty-Card", "identifier:CRM2", "", "", "",
    )  # fmt: skip


def test_provider_with_a_number_is_not_named_by_another_number() -> None:
    assert targets_of_headers(("CRM2", "CRM", "CRM1"), ("CRM1",)) == ("", "", "identifier:CRM1")


def test_headers_of_providers_that_differ_little_are_recognised_as_headers() -> None:
    found = read_paste("CRM1\tCRM2\nA-1\tB-2", person_id="", providers=("CRM1", "CRM2"))
    assert [(item.source, item.target, item.values) for item in found.items] == [
        ("CRM1", "identifier:CRM1", ("A-1",)),
        ("CRM2", "identifier:CRM2", ("B-2",)),
    ]


def test_only_values_that_belong_to_one_field_are_guessed() -> None:
    cells = (
        "Ida", "Clean", "i@example.com", "Mr.", "female", "M", "7 March 1991", "07031991", "Irish", "Ireland",
        "+353 85 123 4567", "PA1234567", "2d7de9df-45a2-45ea-872c-30e45139007d", "", "38",
    )  # fmt: skip
    assert guessed_targets(row(*cells)) == (
        "", "", "emails", "title", "gender", "", "date_of_birth", "", "nationality", "country",
        "phone_numbers", "", "order_ref", "", "",
    )  # fmt: skip


# --- Cells ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("title", "mr.", Reading(("Mr",))),
        ("title", "Herr", Reading(problem=Problem.NOT_A_TITLE)),
        ("gender", "F", Reading(("female",))),
        ("gender", "Male", Reading(("male",))),
        ("gender", "x", Reading(problem=Problem.NOT_A_GENDER)),
        ("country", "ie", Reading(("IE",))),
        ("country", "DEU", Reading(("DE",))),
        ("country", "Holland", Reading(("NL",))),
        ("country", "UK", Reading(("GB",))),
        ("country", "Atlantis", Reading(problem=Problem.NOT_A_COUNTRY)),
        ("country", "NA", Reading(problem=Problem.NOT_AVAILABLE)),
        ("country", "Namibia", Reading(("NA",))),
        ("nationality", " Na ", Reading(problem=Problem.NOT_AVAILABLE)),
        ("nationality", "NAM", Reading(("Namibian",), notes=(Note.FROM_CODE,))),
        ("nationality", "n/a", Reading(problem=Problem.NO_VALUE)),
        ("passport_number", "NA", Reading(problem=Problem.NO_VALUE)),
        ("identifier_id", "TBA", Reading(problem=Problem.NO_VALUE)),
        ("identifier:CRM", "-", Reading(problem=Problem.NO_VALUE)),
        ("last_name", "Na", Reading(("Na",))),
        ("nationality", "Irish", Reading(("Irish",))),
        ("nationality", "POL", Reading(("Polish",), notes=(Note.FROM_CODE,))),
        ("nationality", "ARG", Reading((), ("Argentine", "Argentinean", "Argentinian"), (Note.FROM_CODE,))),
        ("nationality", "Martian", Reading(("Martian",))),
        ("date_of_birth", "7 March 1991", Reading(("7 March 1991",))),
        ("date_of_birth", "1991-03-07", Reading(("7 March 1991",))),
        ("date_of_birth", "07/03/1991", Reading(("7 March 1991",), notes=(Note.DAY_FIRST,))),
        ("date_of_birth", "13/03/1991", Reading(("13 March 1991",))),
        ("date_of_birth", "03/03/1991", Reading(("3 March 1991",))),
        ("date_of_birth", "7/3/91", Reading(problem=Problem.SHORT_YEAR)),
        ("date_of_birth", "31/02/1991", Reading(problem=Problem.NOT_A_DATE)),
        ("date_of_birth", "33304", Reading(problem=Problem.NOT_A_DATE)),
        ("date_of_birth", "8 March 2026", Reading(problem=Problem.NOT_PAST)),
        ("emails", "a@b.ie; c@d.ie\ne@f.ie", Reading(("a@b.ie", "c@d.ie", "e@f.ie"))),
        ("emails", "Ida <ida@example.com>", Reading(("ida@example.com",))),
        ("emails", "none", Reading(problem=Problem.NOT_AN_ADDRESS)),
        ("phone_numbers", "087 123 4567, +44 20 7946 0018", Reading(("087 123 4567", "+44 20 7946 0018"))),
        ("phone_numbers", "3.53871E+11", Reading(problem=Problem.SHORTENED)),
        ("phone_numbers", "3,53871E+11", Reading(problem=Problem.SHORTENED)),
        ("phone_numbers", "3,53871E11", Reading(problem=Problem.SHORTENED)),
        ("passport_number", "1.23457E+08", Reading(problem=Problem.SHORTENED)),
        ("passport_number", "12E+5", Reading(problem=Problem.SHORTENED)),
        ("passport_number", "1,2E34", Reading(problem=Problem.SHORTENED)),
        ("passport_number", "12E34567", Reading(("12E34567",))),
        ("identifier_id", "4e12", Reading(("4e12",))),
        ("passport_number", " pa1 ", Reading(("pa1",))),
        ("first_name", "Anna\nMaria", Reading(problem=Problem.LINE_BREAK)),
        ("last_name", "O’Brien", Reading(("O’Brien",))),
    ],
)  # fmt: skip
def test_cell_is_read_as_a_value_of_its_field(field: str, text: str, expected: Reading) -> None:
    with time_machine.travel(datetime.datetime(2026, 3, 7, 12, tzinfo=datetime.UTC), tick=False):
        assert read_cell(text, field) == expected


def test_order_of_day_and_month_is_that_of_the_setting(settings: Settings) -> None:
    settings.DATE_ORDER = "month-day"
    assert read_cell("07/03/1991", "date_of_birth") == Reading(("3 July 1991",), notes=(Note.MONTH_FIRST,))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("DOB (MM/DD/YYYY)", "4 March 1991"),
        ("dob (m-d-yy)", "4 March 1991"),
        ("Date of birth MM/DD/YYYY", "4 March 1991"),
        ("DOB (MM/JJ/AAAA)", "4 March 1991"),
        ("DOB (DD/MM/YYYY)", "3 April 1991"),
        ("Geburtsdatum (TT.MM.JJJJ)", "3 April 1991"),
        ("Date de naissance (JJ/MM/AAAA)", "3 April 1991"),
        ("Doğum tarihi (GG.AA.YYYY)", "3 April 1991"),
        ("DOB", None),
        ("DOB (YYYY-MM-DD)", None),
        ("Geburtsdatum (JJJJ-MM-TT)", None),
        ("DOB (DD/MM/YYYY or MM/DD/YYYY)", None),
    ],
)
@pytest.mark.parametrize("order", ["day-month", "month-day"])
def test_order_of_day_and_month_that_the_header_names_comes_before_the_setting(
    settings: Settings, header: str, expected: str | None, order: str
) -> None:
    settings.DATE_ORDER = order
    found = propose_row(Row(("03/04/1991",), (header,)), ("date_of_birth",))
    [item] = found.items
    assert item.values == (expected or {"day-month": "3 April 1991", "month-day": "4 March 1991"}[order],)
    is_month_first = item.values == ("4 March 1991",)
    assert item.notes == (Note.MONTH_FIRST if is_month_first else Note.DAY_FIRST,)


def test_date_that_the_order_of_its_header_excludes_is_none() -> None:
    found = propose_row(Row(("13/04/1991",), ("DOB (MM/DD/YYYY)",)), ("date_of_birth",))
    assert [item.problem for item in found.items] == [Problem.NOT_A_DATE]


def test_m_below_a_spanish_header_may_be_a_woman() -> None:
    for header, problem in (("Sexo", Problem.NOT_A_GENDER), ("Género", Problem.NOT_A_GENDER), ("Sex", None)):
        [item] = propose_row(Row((" M ",), (header,)), ("gender",)).items
        assert item.problem == problem
        assert item.is_usable is (problem is None)


def test_f_below_a_hungarian_header_may_be_a_man_and_words_are_read() -> None:
    for header, text, values, problem in (
        ("Neme", "F", (), Problem.NOT_A_GENDER),  # ferfi
        ("Neme", "férfi", ("male",), None),
        ("Geschlecht", "weiblich", ("female",), None),
    ):
        [item] = propose_row(Row((text,), (header,)), ("gender",)).items
        assert (item.values, item.problem) == (values, problem)


@pytest.mark.parametrize(
    ("header", "values"), [("Anrede", ()), ("Titel:", ()), ("Title", ("Fr",)), ("Salutation", ("Fr",))]
)
@pytest.mark.parametrize("text", ["Fr.", " fr"])
def test_fr_below_a_german_header_is_no_father(header: str, values: tuple[str, ...], text: str) -> None:
    [item] = propose_row(Row((text,), (header,)), ("title",)).items
    assert (item.values, item.problem) == (values, None if values else Problem.NOT_A_TITLE)
    [item] = propose_row(Row(("Dr.",), (header,)), ("title",)).items
    assert item.values == ("Dr",)


def test_a_name_that_is_a_word_for_a_gender_is_no_gender() -> None:
    for name in ("Mann", "Lady", "Herr"):
        assert guessed_targets(Row((name,), None)) == ("",)
    assert guessed_targets(Row(("weiblich",), None)) == ("gender",)


def test_nothing_of_a_row_is_dropped() -> None:
    found = read_row("Ida\tAnna\tSmith\t38\t", known_headers=frozenset())
    proposal = propose_row(found, ("first_name", "first_name", "last_name"))
    assert [item.text for item in proposal.items] == ["Ida", "Anna", "Smith", "38", ""]
    assert [item.problem for item in proposal.items] == [
        None, Problem.COLUMN_REPEATED, None, Problem.NO_FIELD, None,
    ]  # fmt: skip
    lists = propose_row(row("a@example.com", "b@example.com"), ("emails", "emails"))
    assert [item.is_usable for item in lists.items] == [True, True]


# --- Machine-readable zones -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "demonyms"),
    [
        ("IRL", ("Irish",)), ("D", ("German",)), ("GBR", ("British",)), ("GBD", ("British",)),
        ("RKS", ("Kosovar",)), ("AFG", ("Afghan",)), ("ARG", ("Argentine", "Argentinean", "Argentinian")),
        ("UTO", ()), ("XXA", ()), ("XXB", ()), ("XXX", ()), ("UNO", ()), ("EUE", ()), ("XPO", ()),
        ("ZZZ", ()), ("", ()),
    ],
)  # fmt: skip
def test_nationality_codes_have_the_words_of_the_form(code: str, demonyms: tuple[str, ...]) -> None:
    assert demonyms_of_code(code) == demonyms


def test_country_of_the_person_is_not_taken_from_the_document() -> None:
    proposal = mrz(SPECIMEN.replace("P<UTO", "P<IRL"))
    assert part(proposal, "issuer").problem is Problem.NOT_RESIDENCE
    assert "country" not in {item.target for item in proposal.items}


@pytest.mark.parametrize("code", ["I<", "AC", "C<"])
def test_number_of_a_card_goes_to_the_passport_number_only_if_the_person_says_so(code: str) -> None:
    card = f"{code}UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
    number = part(mrz(card), "number")
    assert Note.NOT_A_PASSPORT in number.notes
    assert number.is_uncertain
    assert part(mrz(SPECIMEN), "number").is_uncertain is False


def test_number_of_a_visa_is_shown_and_not_placed() -> None:
    visa = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<"
    number = part(mrz(visa), "number")
    assert (number.text, number.target, number.problem) == ("L8988901C", "", Problem.VISA_NUMBER)


def test_names_are_marked_and_a_cut_name_twice() -> None:
    assert part(mrz(SPECIMEN), "last_name").notes == (Note.NAME,)
    cut = SPECIMEN.replace("MARIA<<<<<<<<<<<<<<<<<<<", "MARIA<KATARINA<ELISABETA")
    assert part(mrz(cut), "first_name").notes == (Note.NAME, Note.NAME_MAY_BE_CUT)
    only = SPECIMEN.replace("ERIKSSON<<ANNA<MARIA", "ERIKSSON<<<<<<<<<<<<")
    assert part(mrz(only), "first_name").problem is Problem.NOT_SPECIFIED


def test_number_with_characters_that_have_the_same_check_digit_is_marked() -> None:
    def notes(number: str) -> tuple[Note, ...]:
        line = f"{number}{check_digit(number)}"
        return part(mrz(SPECIMEN.replace("L898902C36", line)), "number").notes

    for one in "G6L1K":
        assert Note.LOOKALIKES in notes(f"A89890Z3{one}")
    assert Note.LOOKALIKES not in notes("A89890Z32")
    assert Note.FILLER_INSIDE in notes("AB<890Z32")
    # The standard's own weakness: the same check digit.
    assert check_digit("A89890G32") == check_digit("A89890632")
    assert check_digit("L89890Z32") == check_digit("189890Z32")
    assert check_digit("A89890Z3K") == check_digit("A89890Z3<")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("L898902C36UTO7408122X1204159ZE184226B<<<<<10", Problem.NOT_SPECIFIED),
        ("L898902C36UTO7408122<1204159ZE184226B<<<<<10", Problem.NOT_SPECIFIED),
        ("L898902C36UTO740812281204159ZE184226B<<<<<10", Problem.CHARACTERS),
    ],
)
def test_sex_that_is_not_specified_is_not_unknown(line: str, problem: Problem) -> None:
    sex = part(mrz(f"{SPECIMEN[:45]}{line}"), "sex")
    assert (sex.values, sex.problem) == ((), problem)


def test_every_code_has_a_text() -> None:
    assert set(PROBLEMS) == set(Problem)
    assert set(NOTES) == set(Note)
    assert {item.source for item in mrz(SPECIMEN).items} == set(MRZ_PARTS)
    assert header_key("First name") == "firstname"
