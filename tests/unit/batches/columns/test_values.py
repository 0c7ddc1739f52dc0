"""The cells of a row as the values of the form."""

from __future__ import annotations

import uuid
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.batches.cells import DateText
from apps.batches.columns.genders import PLAIN, letters_of
from apps.batches.columns.problems import ProblemCode, problems_of
from apps.batches.columns.values import reader_of, row_values
from apps.batches.reading.read import read_pasted
from apps.batches.reading.table import FindingCode
from apps.consumers import phones
from apps.consumers.demonyms import DEMONYMS
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.flat_values import rows_of
from apps.consumers.paste.columns import TARGETS

_SEVERAL_WORDS = [code for code, words in DEMONYMS.items() if len(words) > 1 and code != "GB"]
ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"


def _values(*cells_and_targets: tuple[str, str], date_order: str = "") -> dict[str, str]:
    cells, targets = zip(*cells_and_targets, strict=True)
    return row_values(cells, targets, date_order=date_order, order_ref=ORDER)


def _entry(values: dict[str, str]) -> Entry:
    entry = Entry.bound({**values, "token": str(uuid.uuid4())}, ())
    entry.is_valid()
    return entry


def test_a_whole_row_becomes_an_entry() -> None:
    values = _values(
        ("Frau", ""),
        ("mr.", "title"),
        ("Ada", "first_name"),
        ("Lovelace", "last_name"),
        ("F", "gender"),
        ("10.12.1915", "date_of_birth"),
        ("ada@example.com, a@example.org", "emails"),
        ("+44 20 7946 0018", "phone_numbers"),
        ("", "phone_numbers"),
        ("+353 85 123 4567; +44 20 7946 0019", "phone_numbers"),
        ("IRL", "nationality"),
        ("p123", "passport_number"),
        ("Ireland", "country"),
        date_order="day-month",
    )
    entry = _entry(values)
    assert entry.is_valid(), list(entry.errors())
    consumer = entry.to_new_consumer()
    assert (consumer.title, consumer.gender, consumer.country) == ("Mr", "female", "IE")
    assert (consumer.nationality, f"{consumer.date_of_birth}") == ("Irish", "1915-12-10")
    assert consumer.emails == ("ada@example.com", "a@example.org")
    assert consumer.phone_numbers == ("+442079460018", "+353851234567", "+442079460019")
    assert entry.order_ref == ORDER


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("Sex", "M F", "m f"),
        ("Sex", "M", "m"),
        ("", "M F", "m f"),
        ("", "m F X", "m f"),  # X says nothing about the language
        ("", "F", "f"),
        # Spanish and Portuguese: hombre, mujer; homem, mulher; varon; masculino, femenino
        ("Sexo", "M H", "h m"),
        ("", "m h", "h m"),
        ("Sexo", "M", ""),
        ("Género 2", "M x", ""),
        ("Sexo", "M F", "m f"),
        ("Sexo", "V M", "v m"),
        ("", "M mujer", ""),
        # French: homme, femme
        ("Sexe", "H F", "h f"),
        ("Sexe", "H M", ""),
        # Dutch: man, vrouw. In Spanish and Lithuanian M is the woman then.
        ("Geslacht", "M V", "m v"),
        ("", "M V", ""),
        ("Lytis", "V M", "v m"),
        # Hungarian: ferfi, no. N may also be "not given".
        ("Neme", "F N", "f n"),
        ("", "F N férfi", "f n"),
        ("Nem", "F", ""),
        ("", "F N", ""),
        ("Neme", "F M", "m f"),
        # Finnish and Estonian: mies, nainen
        ("Sukupuoli", "M N", "m n"),
        ("", "M N", "m "),
        # German, Turkish, Polish, Swedish, Czech, Italian, Russian
        ("Geschlecht", "m w d", "m w"),
        ("", "M W", "m w"),
        ("", "E K", "e k"),
        ("Cinsiyet", "M F", "m f"),
        ("Płeć", "M K", "m k"),
        ("Kön", "K", " k"),
        ("Pohlaví", "M Ž", "m ž"),
        ("Sesso", "U D", "u d"),
        ("", "U D", ""),
        ("", "М Ж", "м ж"),  # Cyrillic
        # A letter of no language that has both M and F
        ("", "M F W", "m f"),
        ("", "M F V", "m f"),
        ("", "M M F F B", "m f"),
        ("Sex", "M F E N N x", "m f"),
        ("Geschlecht", "M F W", "m f"),
        ("Geslacht", "M F V", "m f"),
        # Unless they may be others
        ("", "M M H H F", ""),
        ("Sexo", "M M F F H", ""),
        ("Neme", "M M F F N", ""),
        ("", "M W V", ""),
        # Letters for one gender, of one language or of several that agree
        ("", "S", ""),
        ("", "E x", ""),
        ("", "B", ""),
        ("", "W", ""),
        ("", "Z Ž", ""),
        ("", "H", "h"),
        ("", "K", " k"),
        ("", "Ж", " ж"),
        ("", "V", ""),
        ("Cinsiyet", "E", "e"),
        ("", "E kadın", "e"),
        ("", "V S", "v s"),
    ],
)
def test_letters_are_read_where_the_languages_agree(header: str, cells: str, expected: str) -> None:
    headers = ("Name", header) if header else ()
    rows = [("x", cell) for cell in cells.split()]
    male, _blank, female = expected.partition(" ")
    meanings = {male: "male", female: "female"}
    if header == "Kön" or expected == "f":
        meanings = {expected.strip(): "female"}
    meanings.pop("", None)
    assert letters_of(headers, ("first_name", "gender"), rows) == meanings
    assert letters_of(headers, ("first_name", ""), rows) == PLAIN


def test_a_letter_that_is_not_certain_is_left_as_typed() -> None:
    def gender(cell: str) -> str:
        values = row_values([cell], ["gender"], date_order="", order_ref=ORDER, letters={"f": "female"})
        return values["gender"]

    assert [gender(cell) for cell in (" M ", "m", "H", "F", "male", "男")] == [
        "M",
        "m",
        "H",
        "female",
        "male",
        "male",
    ]


@pytest.mark.parametrize(
    ("header", "cells", "values"),
    [
        ("Anrede", ["Fr.", "fr", "Dr."], ["Fr.", "Fr.", "Dr"]),
        ("Titel", ["Fr"], ["Fr."]),
        ("Title", ["Hr.", "Fr."], ["Hr.", "Fr."]),
        ("Title", ["Frau Dr.", "FR"], ["Frau Dr.", "Fr."]),
        ("", ["Herr", "Fr."], ["Herr", "Fr."]),
        ("", ["Frøken", "Fr."], ["Frøken", "Fr."]),
        ("Title", ["Fr.", "Mr."], ["Fr", "Mr"]),
        ("", ["fr", "Rev"], ["Fr", "Rev"]),
    ],
)
def test_fr_is_no_father_next_to_german_or_scandinavian_titles(
    header: str, cells: list[str], values: list[str]
) -> None:
    headers = ("First name", header) if header else ()
    rows = [("Ada", cell) for cell in cells]
    read = reader_of(headers, ("first_name", "title"), rows, date_order="", order_ref=ORDER)
    assert [read(row)["title"] for row in rows] == values
    for row, value in zip(rows, values, strict=True):
        is_wrong = "#id_title" in {error.href for error in _entry(read(row)).errors()}
        assert is_wrong is (value not in ("Fr", "Dr", "Mr", "Rev"))


@pytest.mark.parametrize(
    ("male", "female"),
    [
        ("männlich", "weiblich"),
        ("Herr", "Frau"),
        ("Masculin", "Féminin"),
        ("HOMME", "FEMME"),
        ("Erkek", "Kadın"),
        ("男性", "女性"),
        ("男", "女"),
        ("Mężczyzna", "Kobieta"),
        ("muž", "žena"),
        ("Hombre", "Mujer"),
        ("masculino", "femenino"),
        ("Maschio", "Femmina"),
        ("Homem", "Mulher"),
        ("Man", "Vrouw"),
        ("Man", "Kvinna"),
        ("Férfi", "nő"),
        ("ferfi", "NŐ"),
        ("мужской", "женский"),
        ("Mand", "Kvinde"),
    ],
)
def test_words_of_languages_are_read(male: str, female: str) -> None:
    assert [_values((word, "gender"))["gender"] for word in (male, female)] == ["male", "female"]


@pytest.mark.parametrize("word", ["No", "no", "n", "ladyship", ""])
def test_other_words_are_left_as_typed(word: str) -> None:
    assert _values((word, "gender"))["gender"] == word


@pytest.mark.parametrize("text", ["NA", "na", " Na "])
def test_na_is_not_read_as_namibia(text: str) -> None:
    values = _values((text, "nationality"), (text, "country"), ("Ada", "first_name"), ("King", "last_name"))
    assert values["nationality"].strip() == text.strip()
    assert [problem.code for problem in problems_of(values)] == [ProblemCode.NOT_AVAILABLE]
    assert [error.href for error in _entry(values).errors()] == ["#id_country"]


@pytest.mark.parametrize("text", ["N/A", "n.a.", "TBA", "-", "NA"])
@pytest.mark.parametrize("field", ["nationality", "passport_number", "identifiers-0-id"])
def test_what_stands_for_no_value_is_a_problem(field: str, text: str) -> None:
    [problem] = problems_of({field: text})
    is_country = (field, text) == ("nationality", "NA")
    assert problem.code is (ProblemCode.NOT_AVAILABLE if is_country else ProblemCode.NO_VALUE)
    assert problems_of({"last_name": text, "emails-0-value": ""}) == ()


def test_namibia_in_full_is_read() -> None:
    for nationality, country in (("Namibian", "Namibia"), ("NAM", "NAM")):
        values = _values((nationality, "nationality"), (country, "country"))
        assert (values["nationality"], values["country"]) == ("Namibian", "NA")
        assert problems_of(values) == ()  # also of a corrected row, whose country is a code


def test_columns_without_a_field_are_not_among_the_values() -> None:
    values = _values(("secret", ""), ("Ada", "first_name"))
    assert "secret" not in values.values()


def test_halves_of_identifiers_are_paired_by_the_number_of_their_column() -> None:
    values = _values(
        ("", "identifier_provider"),
        ("no provider", "identifier_id"),
        ("LOYALTY", "identifier_provider"),
        ("L-2", "identifier_id"),
        ("CRM", "identifier_provider"),
        ("9", "identifier:BOOKING"),
        ("", "identifier:CRM"),
    )
    assert rows_of(values, "identifiers") == [
        {"provider": "", "id": "no provider"},
        {"provider": "LOYALTY", "id": "L-2"},
        {"provider": "CRM", "id": ""},
        {"provider": "BOOKING", "id": "9"},
    ]
    assert [error.href for error in _entry(values).errors() if "identifiers" in error.href] == [
        "#id_identifiers-0-provider",
        "#id_identifiers-2-id",
    ]


def test_the_order_column_is_passed_on_and_a_blank_one_is_the_order_of_the_list() -> None:
    assert _values(("ORD-8", "order_ref"))["order_ref"] == "ORD-8"
    assert _values((" ", "order_ref"))["order_ref"] == ORDER
    assert _values(("Ada", "first_name"))["order_ref"] == ORDER


@pytest.mark.parametrize(
    ("target", "text"),
    [("title", "Duke"), ("gender", "x"), ("country", "Atlantis"), ("date_of_birth", "31/02/1991")],
)
def test_what_cannot_be_read_is_an_error_of_the_form(target: str, text: str) -> None:
    values = _values((text, target), ("Ada", "first_name"), ("Lovelace", "last_name"))
    assert values[target] == text
    assert [error.href for error in _entry(values).errors()] == [f"#id_{target}"] or target == "gender"
    assert not _entry(values).is_valid()


@pytest.mark.parametrize(
    ("code", "value"),
    [("IRL", "Irish"), ("GBR", "British"), ("FR", "French"), ("D", "German")]
    + [(code, code) for code in ("Irish", "irl", "XXA", "UNO", *_SEVERAL_WORDS)],
)
def test_a_nationality_is_changed_only_from_a_code_that_has_one_word(code: str, value: str) -> None:
    assert _values((code, "nationality"))["nationality"] == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("3.53871E+11", ProblemCode.SHORTENED_NUMBER),
        ("3,53871E+11", ProblemCode.SHORTENED_NUMBER),
        ("1E+12", ProblemCode.SHORTENED_NUMBER),
        ("1.2e+12", ProblemCode.SHORTENED_NUMBER),
        ("1.5E11", ProblemCode.SHORTENED_NUMBER),
        (" 3.53871E+11 ", ProblemCode.SHORTENED_NUMBER),
        ("+442079460018; 3.53871E+11", ProblemCode.SHORTENED_NUMBER),
        ("+442079460018\n3.53871E+11", ProblemCode.SHORTENED_NUMBER),
        ("353871234567.0", ProblemCode.DECIMAL_NUMBER),
        ("353871234567,0", ProblemCode.DECIMAL_NUMBER),
        ("353871234567.00", ProblemCode.DECIMAL_NUMBER),
        ("-1.23456789012340E+15", ProblemCode.SHORTENED_NUMBER),
        ("#REF!", ProblemCode.ERROR_VALUE),
        ("#N/A", ProblemCode.ERROR_VALUE),
        ("#NV", ProblemCode.ERROR_VALUE),
        ("#DIV/0!", ProblemCode.ERROR_VALUE),
        ("#¿NOMBRE?", ProblemCode.ERROR_VALUE),
        ("Err:502", ProblemCode.ERROR_VALUE),
        ("########", ProblemCode.ERROR_VALUE),
        ("+442079460018; #N/A", ProblemCode.ERROR_VALUE),
        ("=…", ProblemCode.FORMULA),
        (" =A1&B1", ProblemCode.FORMULA),
        ("#EXAMPLE", ProblemCode.EXAMPLE),
    ],
)
@pytest.mark.parametrize("target", ["phone_numbers", "passport_number", "identifier:CRM"])
def test_a_number_that_a_spreadsheet_changed_is_a_problem(target: str, text: str, code: ProblemCode) -> None:
    [problem] = problems_of(_values((text, target)))
    assert problem.code is code
    assert problem.field in ("phone_numbers-0-value", "passport_number", "identifiers-0-id")
    assert problem.text


@pytest.mark.parametrize(
    ("text", "shortened"),
    [("1E5", 0), ("3e2", 0), ("12.5E+10", 1), ("123E+11", 1), ("1.2E1234", 1)],
)
def test_numbers_that_the_notice_counts_are_the_problems_of_rows(text: str, shortened: int) -> None:
    findings = {finding.code: finding.count for finding in read_pasted(f"Passport\n{text}").findings}
    assert findings.get(FindingCode.SHORTENED_NUMBERS, 0) == shortened
    problems = [problem.code for problem in problems_of(_values((text, "passport_number")))]
    assert problems == [ProblemCode.SHORTENED_NUMBER] * shortened


@pytest.mark.parametrize("target", ["phone_numbers", "passport_number", "identifier:CRM", "date_of_birth"])
@pytest.mark.parametrize("code", ["0123456", "+44207946", "X123", "1991-03-07"])
def test_apostrophe_that_marks_a_text_is_no_part_of_a_code(target: str, code: str) -> None:
    assert _values((f"'{code}", target)) == _values((code, target))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("last_name", '"Doe"'),
        ("last_name", '"Doe'),
        ("first_name", 'PhD"'),
        ("passport_number", '"X1234567"'),
        ("passport_number", "'X1234567'"),
        ("phone_numbers", "'0851234567'"),
        ("emails", '"jane@example.com"'),
        ("identifier:CRM", '"12'),
    ],
)
def test_quotation_marks_of_a_file_are_a_problem(target: str, text: str) -> None:
    [problem] = problems_of(_values((text, target)))
    assert problem.code is ProblemCode.QUOTATION_MARK


@pytest.mark.parametrize(
    "name", ['Robert "Bob"', '"Bob" Builder', "'t Hooft", "D'", "'Ala'", "Jane O'Neil", '5"6']
)
def test_quotation_marks_of_a_name_are_no_problem(name: str) -> None:
    assert problems_of(_values((name, "last_name"))) == ()


def test_apostrophe_of_a_name_stays() -> None:
    assert _values(("'t Hooft", "last_name"))["last_name"] == "'t Hooft"


@pytest.mark.parametrize("text", ["1.23E+15", "#REF!", "=…", "#example"])
@pytest.mark.parametrize("target", [*TARGETS[1:], "identifier:CRM"])
def test_each_column_that_is_sent_is_guarded(target: str, text: str) -> None:
    [problem] = problems_of(_values((text, target)))
    assert problem.field in (target, f"{target}-0-value") or problem.field.startswith("identifiers-0-")


@pytest.mark.parametrize(
    "text",
    [
        "#12",
        "#A7",
        "A#",
        "##",
        "#",
        "12E5",
        "E12345",
        "PA.123456",
        "1.0",
        "353871234567",
        "0012",
        "+44 20 7946.0018",
        "12,34",
        "",
    ],
)
@pytest.mark.parametrize("target", ["phone_numbers", "passport_number", "identifier:CRM"])
def test_other_numbers_are_no_problem(target: str, text: str) -> None:
    assert problems_of(_values((text, target))) == ()


@pytest.mark.parametrize("target", ["phone_numbers", "passport_number", "identifier_id", "identifier:CRM"])
@pytest.mark.parametrize("text", ["2026-05-12", "2026-05-12 09:05:00", "12:05:00", "1 day, 6:00:00"])
def test_a_code_that_a_spreadsheet_turned_into_a_date_or_time_is_a_problem(target: str, text: str) -> None:
    values = _values((DateText(text), target))
    [problem] = problems_of(values)
    assert problem.code is ProblemCode.DATE
    assert problem.text
    corrected = values | {problem.field: text}
    assert problems_of(corrected) == ()  # it was the code
    assert problems_of(_values((text, target))) == ()  # somebody typed it as a text


@pytest.mark.parametrize("target", ["date_of_birth", "last_name", "nationality", "emails"])
def test_a_date_in_another_column_is_passed_on_as_it_is(target: str) -> None:
    values = _values((DateText("1991-03-07"), target))
    assert "1991-03-07" in values.values()
    assert problems_of(values) == ()


@settings(deadline=None)  # a busy machine is slow
@given(digits=st.integers(10**8, 10**15), places=st.integers(1, 6), sign=st.sampled_from(["E+", "e+"]))
def test_no_shortened_number_is_sent_silently(digits: int, places: int, sign: str) -> None:
    text = f"{digits:.{places}e}".replace("e+", sign)
    for target in ("phone_numbers", "passport_number", "identifier:CRM"):
        assert problems_of(_values((text, target)))


NUMBERS = ["+44 20 7946 0018", "+353 85 123 4567", "+49 (0)30 901820", "12", "abc"]


@settings(deadline=None)  # a busy machine is slow
@given(
    numbers=st.permutations(NUMBERS),
    ends=st.lists(st.integers(0, len(NUMBERS)), max_size=3).map(sorted),
    joint=st.sampled_from([", ", ";", "\n"]),
)
def test_phone_numbers_of_all_columns_are_those_that_the_form_reads(
    numbers: list[str], ends: list[int], joint: str
) -> None:
    columns = [numbers[first:end] for first, end in pairwise([0, *ends, len(numbers)])]
    values = _values(*((joint.join(column), "phone_numbers") for column in columns))
    read = _entry(values).phone_numbers.values()
    assert list(read) == [phones.e164(number) or number for number in numbers]
