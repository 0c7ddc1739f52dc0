"""What the portal proposes for the columns of a table, and what it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.batches.columns import matching
from apps.batches.columns.date_orders import possibly_exchanged
from apps.batches.columns.headers import header_index, may_be_headers, unmistakable_target
from apps.batches.columns.matching import (
    Choice,
    Proposal,
    Question,
    QuestionCode,
    open_questions,
    propose,
    split,
)
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.models import SourceKind
from apps.batches.reading.table import Finding, FindingCode, Table, TableRow
from apps.consumers.paste.columns import TARGETS, targets_of_headers
from apps.consumers.paste.header_words import HEADER_WORDS
from apps.consumers.paste.rows import header_key

PROVIDERS = ("LOYALTY", "BOOKING")
NAMES = ("First name", "Last name")
ADA, ALAN = ("Ada", "Lovelace"), ("Alan", "Turing")


def _table(*rows: tuple[str, ...]) -> Table:
    return Table(SourceKind.PASTED, tuple(TableRow(at, cells) for at, cells in enumerate(rows, 1)))


def _nothing(_headers: tuple[str, ...]) -> None:
    return None


def _proposal(
    *rows: tuple[str, ...], remembered: Callable[[tuple[str, ...]], Choice | None] = _nothing
) -> Proposal:
    return propose(_table(*rows), providers=PROVIDERS, remembered=remembered)


def _asked(proposal: Proposal) -> list[tuple[QuestionCode, int | None]]:
    return [(question.code, question.column) for question in proposal.questions]


@pytest.mark.parametrize(
    "headers",
    [
        ("First name", "Last name", "Date of birth", "Passport number", "Nationality"),
        ("firstName", "lastName", "dateOfBirth", "passportNumber", "nationality"),
        ("Vorname", "Name", "Geb.-Datum", "Reisepass-Nr.", "Staatsangehörigkeit"),
        ("Prénom", "Nom", "Date de naissance", "N° de passeport", "Nationalité"),
        ("PRENOM", "NOM DE FAMILLE", "Né(e) le", "Numéro de passeport", "NATIONALITE"),
        ("Adı", "Soyadı", "Doğum Tarihi", "Pasaport No", "Uyruğu"),
        ("İSİM", "SOYİSİM", "DOĞUM TARİHİ", "PASAPORT NUMARASI", "UYRUK"),
        ("名", "姓", "生年月日", "パスポート番号", "国籍"),
        ("Nombre", "Apellidos", "Fecha de nacimiento", "Pasaporte", "Nacionalidad"),
        ("Nome", "Cognome", "Data di nascita", "Passaporto", "Nazionalità"),
        ("Voornaam", "Achternaam", "Geboortedatum", "Paspoortnummer", "Nationaliteit"),
        ("Given names", "Surname", "DOB (DD/MM/YYYY)", "Passport No.", "Citizenship"),
    ],
)
def test_headers_of_many_languages_are_known(headers: tuple[str, ...]) -> None:
    proposal = _proposal(headers, ("Ada", "Lovelace", "x", "P1", "x"))
    assert proposal.has_headers
    assert proposal.headers == headers
    assert proposal.targets == ("first_name", "last_name", "date_of_birth", "passport_number", "nationality")
    assert proposal.questions == ()


@pytest.mark.parametrize(
    "headers",
    [
        ("Order number", "Title", "Sex", "E-mail", "Mobile", "Country"),
        ("Auftragsnr.", "Anrede", "Geschlecht", "E-Mail-Adresse", "Handynummer", "Land"),
        ("N° de commande", "Civilité", "Sexe", "Courriel", "Téléphone", "Pays"),
        ("Sipariş No", "Unvan", "Cinsiyet", "E-posta", "Cep Telefonu", "Ülke"),
        ("注文番号", "敬称", "性別", "メールアドレス", "電話番号", "居住国"),
    ],
)
def test_headers_of_the_other_fields_are_known(headers: tuple[str, ...]) -> None:
    expected = ("order_ref", "title", "gender", "emails", "phone_numbers", "country")
    assert targets_of_headers(headers, ()) == expected


def test_every_header_is_the_key_of_itself_and_belongs_to_one_field() -> None:
    words = [word for words in HEADER_WORDS.values() for word in words.split()]
    assert [word for word in words if header_key(word) != word] == []
    assert len(set(words)) == len(words)
    assert set(HEADER_WORDS) <= set(TARGETS)


def test_name_alone_may_be_the_whole_name_and_is_asked() -> None:
    assert targets_of_headers(("Name", "E-Mail"), ()) == ("", "emails")
    assert targets_of_headers(("Name", "Vorname"), ()) == ("last_name", "first_name")
    assert targets_of_headers(("Name", "First name", "Surname"), ()) == ("", "first_name", "last_name")


def test_repeated_columns_of_lists_and_identifiers_are_understood() -> None:
    headers = (
        *NAMES, "Phone 1", "Phone 2", "E-mail", "E-mail 2", "Identifier provider 1", "Identifier ID 1",
        "Identifier provider 2", "Identifier ID 2", "Loyalty",
    )  # fmt: skip
    proposal = _proposal(headers, (*ADA, "1", "2", "a@b.ie", "b@b.ie", "P", "1", "Q", "2", "3"))
    assert proposal.targets[2:] == (
        "phone_numbers", "phone_numbers", "emails", "emails", "identifier_provider", "identifier_id",
        "identifier_provider", "identifier_id", "identifier:LOYALTY",
    )  # fmt: skip
    assert proposal.questions == ()


def test_two_columns_for_one_field_are_asked_unless_the_second_is_blank() -> None:
    proposal = _proposal((*NAMES, "Surname"), (*ADA, "Byron"))
    assert proposal.targets == ("first_name", "last_name", "")
    assert proposal.questions == (Question(QuestionCode.REPEATED, 2, ("Byron",)),)
    assert proposal.asks_for(2)
    assert not proposal.asks_for(1)
    assert _proposal((*NAMES, "Surname"), (*ADA, " ")).questions == ()


def test_an_unknown_header_is_asked_with_up_to_three_different_examples() -> None:
    rooms = [("Ada", "Lovelace", room) for room in ("12", "12", "", "14", "15", "16")]
    proposal = _proposal((*NAMES, "Room"), *rooms)
    assert proposal.questions == (Question(QuestionCode.FIELD, 2, ("12", "14", "15")),)
    assert proposal.examples == (("Ada",), ("Lovelace",), ("12", "14", "15"))
    assert proposal.targets == ("first_name", "last_name", "")


def test_a_column_whose_cells_all_fit_one_field_is_recognised_without_a_header() -> None:
    rows = (
        (*ADA, "P1", "ada@example.com", "13/04/1991", "Irish", "+44 20 7946 0018", "Ms"),
        (*ALAN, "P2", "", "1990-04-12", "", "+353 85 123 4567", "Mr"),
    )
    unnamed = _proposal((*NAMES, "Passport", "", "", "", "", ""), *rows)
    assert unnamed.targets[3:] == ("emails", "date_of_birth", "nationality", "phone_numbers", "title")
    assert unnamed.questions == ()
    without_headers = _proposal(*rows)
    assert without_headers.targets[3:] == unnamed.targets[3:]
    assert _asked(without_headers) == [(QuestionCode.FIELD, at) for at in range(3)]


def test_a_column_below_an_unknown_header_is_asked_if_its_values_may_be_those_of_another() -> None:
    proposal = _proposal(
        (*NAMES, "Passport", "Agent contact", "Since", "From", "Call", "Style"),
        (*ADA, "P1", "agent@example.com", "13/04/1991", "Irish", "+44 20 7946 0018", "Ms"),
        (*ALAN, "P2", "", "1990-04-12", "", "+353 85 123 4567", "Mr"),
    )
    assert proposal.targets[3:] == ("", "", "", "", "title")
    assert _asked(proposal) == [(QuestionCode.FIELD, at) for at in range(3, 7)]


@pytest.mark.parametrize(
    ("headers", "cells", "first"),
    [
        (("E-mail", "Agent e-mail"), ("ada@example.com", "agent@example.com"), "emails"),
        (("Phone", "Emergency contact"), ("+44 20 7946 0018", "+353 85 123 4567"), "phone_numbers"),
        (("Room", "Date of issue"), ("", "2019-04-13"), ""),
        (("Room", "Issuing country"), ("", "Ireland"), ""),
        (("Room", "Issued by"), ("", "Irish"), ""),
    ],
)
def test_a_header_that_may_say_something_else_than_the_cells_is_asked(
    headers: tuple[str, str], cells: tuple[str, str], first: str
) -> None:
    proposal = _proposal((*NAMES, *headers), (*ADA, *cells))
    assert proposal.targets[2:] == (first, "")
    assert proposal.questions == (Question(QuestionCode.FIELD, 3, (cells[1],)),)
    assert _proposal((*NAMES, headers[0], ""), (*ADA, *cells)).questions == ()


def test_two_columns_of_addresses_below_unknown_headers_are_both_asked() -> None:
    proposal = _proposal((*NAMES, "Reach", "Agent"), (*ADA, "ada@example.com", "agent@example.com"))
    assert proposal.targets[2:] == ("", "")
    assert _asked(proposal) == [(QuestionCode.FIELD, 2), (QuestionCode.FIELD, 3)]
    without_headers = _proposal((*ADA, "ada@example.com", "agent@example.com"))
    assert _asked(without_headers) == [(QuestionCode.FIELD, 0), (QuestionCode.FIELD, 1)]


def test_one_cell_of_another_kind_makes_a_column_a_question() -> None:
    proposal = _proposal((*NAMES, "Reach"), (*ADA, "ada@example.com"), (*ALAN, "by post"))
    assert _asked(proposal) == [(QuestionCode.FIELD, 2)]


def test_cells_that_fit_two_fields_are_asked() -> None:
    rows = ((*NAMES, "Passport", ""), (*ADA, "P1", "Irish"))
    assert _proposal(*rows).targets[3] == "nationality"
    with override_settings(EXTRA_TITLES=["Irish"]):
        assert _asked(_proposal(*rows)) == [(QuestionCode.FIELD, 3)]


def test_two_columns_of_dates_are_asked() -> None:
    # Birth and end of the passport.
    proposal = _proposal((*NAMES, "A", "B"), (*ADA, "1991-04-13", "2031-04-13"))
    assert _asked(proposal) == [(QuestionCode.FIELD, 2), (QuestionCode.FIELD, 3)]
    known = _proposal((*NAMES, "DOB", "Valid until"), (*ADA, "1991-04-13", "2031-04-13"))
    assert known.targets == ("first_name", "last_name", "date_of_birth", "")
    assert _asked(known) == [(QuestionCode.FIELD, 3)]


def test_the_content_of_a_wide_table_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counted(cells: Iterable[str]) -> str:
        read.append(cells)
        return unmistakable_target(cells)

    monkeypatch.setattr(matching, "unmistakable_target", counted)
    for cell in ("1991-03-07", "a@example.com"):
        headers = tuple(f"Unknown {chr(65 + at)}" for at in range(20))
        proposal = _proposal(headers, *[(cell,) * 20] * 3)
        assert len(proposal.targets) == 20
        assert len(read) == 20
        read.clear()


def test_without_headers_names_are_asked_and_the_rest_is_recognised() -> None:
    proposal = _proposal((*ADA, "a@example.com"), (*ALAN, "b@example.com"))
    assert not proposal.has_headers
    assert proposal.targets == ("", "", "emails")
    assert _asked(proposal) == [(QuestionCode.FIELD, 0), (QuestionCode.FIELD, 1)]


def test_a_first_row_that_may_be_headers_is_asked() -> None:
    assert (QuestionCode.HEADERS, None) in _asked(_proposal(("Who", "Whose"), ADA))
    two = _proposal((*NAMES, "Reach", "Room", "Seat"), (*ADA, "a@b.ie", "1", "2"))
    assert (two.has_headers, two.headers[2]) == (True, "Reach")  # as is likely
    assert (QuestionCode.HEADERS, None) in _asked(two)
    # A Turkish header, a Dutch name.
    assert (QuestionCode.HEADERS, None) in _asked(_proposal(("Ad", "Bakker"), ADA))
    assert (QuestionCode.HEADERS, None) in _asked(_proposal(("Ada", "Lovelace", "n/a"), (*ALAN, "a@b.ie")))


@pytest.mark.parametrize(
    "first",
    [("Ada", "1991-03-07"), ("Ada", "a@example.com"), ("Ada", "0851234567"), ("Ada", "7"), ("Ada", "Irish")],
)
def test_a_first_row_with_values_is_a_person(first: tuple[str, ...]) -> None:
    proposal = _proposal(first, ("Alan", ""))
    assert not proposal.has_headers
    assert (QuestionCode.HEADERS, None) not in _asked(proposal)


def test_headers_below_the_title_of_a_manifest_are_found() -> None:
    table = _table(("Tour to Cork", "", ""), ("", "12 May", ""), (*NAMES, "DOB"), (*ADA, "1991-04-13"))
    proposal = propose(table, providers=(), remembered=_nothing)
    assert proposal.headers == (*NAMES, "DOB")
    parts = split(table, has_headers=True)
    assert (parts.header_row, parts.rows_above, len(parts.rows)) == (3, 2, 1)


@pytest.mark.parametrize(
    "title",
    [("Order 4711", "", ""), ("Passport", "", ""), ("Tour", "Rome 2026", ""), ("Rome", "12.05.2026", "")],
)
def test_a_title_is_not_taken_for_the_headers_below_it(title: tuple[str, ...]) -> None:
    proposal = _proposal(title, (*NAMES, "DOB"), (*ADA, "1991-04-13"))
    assert proposal.headers == (*NAMES, "DOB")
    assert proposal.targets == ("first_name", "last_name", "date_of_birth")
    assert proposal.questions == ()


@pytest.mark.parametrize(
    "title",
    [
        ("Rooming list", "Summer 2026", "Hotel Aurora", "Page 1"),
        ("Rooming list", "12 May", "Hotel Aurora", "sent by Ada"),
    ],
)
def test_a_title_as_wide_as_the_headers_is_none_of_the_people(title: tuple[str, ...]) -> None:
    headers = (*NAMES, "DOB", "E-mail")
    table = _table(title, headers, (*ADA, "1991-04-13", "ada@example.com"))
    proposal = propose(table, providers=(), remembered=_nothing)
    assert (proposal.headers, proposal.questions) == (headers, ())
    parts = split(table, has_headers=True)
    assert (parts.header_row, parts.rows_above, len(parts.rows)) == (2, 1, 1)


@pytest.mark.parametrize(
    "first",
    [(*ADA, "1991-04-13", "a@x"), (*ADA, "13 April 1991", "ada@example"), (*ADA, "b. 1991", "a@x")],
)
def test_a_person_above_headers_is_not_taken_for_a_title(first: tuple[str, ...]) -> None:
    assert header_index(_table(first, (*NAMES, "DOB", "E-mail"), (*ADA, "1991-04-14", ""))) is None


@pytest.mark.parametrize(
    "values",
    [
        ("1990-05-01", "none", "anna@x.com"),
        ("1990-05-01", "tbd", "tbd"),
        ("TBA", "+4930123456", "anna@x.com"),
        ("1990-05-01", "+49301", "keine"),
        ("TBA", "n/a", "anna@x.com"),
        ("TBA", "+49301", "keine"),
        # A value in the column of another field
        ("TBA", "anna@x.com", "none"),
        ("none", "none", "1990-05-01"),
        # Fewer cells than headers
        ("1990-05-01", "+49301", ""),
        ("", "", "anna@x.com"),
    ],
)
def test_a_person_without_all_values_above_headers_is_not_dropped(values: tuple[str, ...]) -> None:
    headers = (*NAMES, "Date of birth", "Phone", "E-mail")
    table = _table(("Anna", "Berg", *values), headers, (*ADA, "1991-04-13", "+441", "ada@example.com"))
    proposal = propose(table, providers=(), remembered=_nothing)
    assert len(split(table, has_headers=proposal.has_headers).rows) == 3


def test_the_only_known_cell_of_a_wider_table_is_a_question() -> None:
    assert (QuestionCode.HEADERS, None) in _asked(_proposal(("E-mail", ""), ("a@example.com", "early")))


@pytest.mark.parametrize(
    "first",
    [
        ("Ad", "Land", "ad@example.com", "1991-03-07"),
        ("Ad", "Land", "", "12345"),
        ("LOYALTY", "123456", "BOOKING", "98765"),
    ],
)
def test_a_person_whose_names_are_words_of_headers_is_no_header(first: tuple[str, ...]) -> None:
    for rows in ((first,), (first, ("Ada", "Lovelace", "ada@example.com", "1991-03-08"))):
        proposal = _proposal(*rows)
        assert not proposal.has_headers
        assert len(split(_table(*rows), has_headers=proposal.has_headers).rows) == len(rows)


def test_names_of_providers_alone_are_no_certain_headers() -> None:
    pairs = ("LOYALTY", "A-12", "BOOKING", "B-98")
    assert (QuestionCode.HEADERS, None) in _asked(_proposal(pairs, pairs))
    three = _proposal(("Ad", "LOYALTY", "BOOKING"), ("Ada", "A-1", "B-2"))
    assert (QuestionCode.HEADERS, None) in _asked(three)


def _merged(*rows: tuple[str, ...]) -> Table:
    return replace(_table(*rows), findings=(Finding(FindingCode.MERGED_CELLS, 2),))


def test_headers_in_two_rows_with_merged_cells_are_one() -> None:
    table = _merged(
        ("Name", "", "DOB", "Passport"), ("First", "Last", "DOB", "Passport"), (*ADA, "1991-04-13", "P1")
    )
    proposal = propose(table, providers=(), remembered=_nothing)
    assert proposal.headers == ("First", "Last", "DOB", "Passport")
    assert proposal.targets == ("first_name", "last_name", "date_of_birth", "passport_number")
    parts = split(table, has_headers=True)
    assert [row.cells[:2] for row in parts.rows] == [ADA]
    assert (parts.header_row, parts.rows_above) == (1, 0)


def test_a_person_below_the_headers_stays_a_person() -> None:
    headers = ("Ad", "Soyad", "E-mail")
    for table in (
        _table(headers, ("Ad", "Bakker", "")),  # nothing is merged
        _merged(headers, ("Ad", "Bakker", "ad@example.com")),
        _merged(headers, ("Ada", "Bakker", "")),
        _merged(headers),
    ):
        assert split(table, has_headers=True).rows == table.rows[1:]


def test_no_word_of_a_header_is_the_value_of_a_field() -> None:
    words = [word for words in HEADER_WORDS.values() for word in words.split()]
    assert [word for word in words if not may_be_headers(_table((word,), ("x",)))] == []


def test_people_above_words_that_are_headers_are_no_title() -> None:
    proposal = _proposal(("Ada", "Lovelace", "x"), ("Alan", "Turing", "y"), ("Ad", "Land", "z"))
    assert not proposal.has_headers


def test_a_table_of_one_known_header_has_headers() -> None:
    assert _proposal(("E-mail",), ("a@example.com",)).targets == ("emails",)


@pytest.mark.parametrize(
    ("texts", "order", "asked", "rows"),
    [
        (["13/04/1991", "03/04/1991"], "day-month", [], ()),
        (["04/13/1991", "03/04/1991"], "month-day", [], ()),
        (["1991-04-03", "7 March 1991"], "", [], ()),
        (["03/04/1991", "05/05/1991", "06/04/1991"], "", [(QuestionCode.DATE_ORDER, 2)], (2, 4)),
        (["13/04/1991", "04/13/1991", "14/04/1991"], "", [(QuestionCode.DATES_CONTRADICT, 2)], (3,)),
    ],
)
def test_the_order_of_dates_is_what_the_texts_decide_or_a_question(
    texts: list[str], order: str, asked: list[tuple[QuestionCode, int]], rows: tuple[int, ...]
) -> None:
    proposal = _proposal((*NAMES, "DOB"), *((*ADA, text) for text in texts))
    assert proposal.date_order == order
    assert _asked(proposal) == asked
    assert sum((question.rows for question in proposal.questions), ()) == rows


def _remembering(choice: Choice) -> Callable[[tuple[str, ...]], Choice | None]:
    return lambda headers: choice if headers == ("Who", "Whose", "When") else None


def test_a_remembered_choice_answers_all_but_the_order_of_the_dates() -> None:
    choice = Choice(True, ("first_name", "last_name", "date_of_birth"), "month-day")
    remembered = _remembering(choice)
    proposal = _proposal(("Who", "Whose", "When"), (*ADA, "03/04/1991"), remembered=remembered)
    assert proposal.choice == choice
    assert _asked(proposal) == [(QuestionCode.DATE_ORDER, 2)]
    decided = _proposal(("Who", "Whose", "When"), (*ADA, "13/04/1991"), remembered=remembered)
    assert decided.choice == Choice(True, choice.targets, "day-month")
    assert decided.questions == ()


@pytest.mark.parametrize("targets", [("first_name",), ("first_name", "last_name", "identifier:GONE")])
def test_a_remembered_choice_that_cannot_be_used_any_more_is_ignored(targets: tuple[str, ...]) -> None:
    remembered = _remembering(Choice(True, targets))
    proposal = _proposal(("Who", "Whose", "When"), (*ADA, "1991-04-03"), remembered=remembered)
    assert proposal.targets == ("", "", "")


def test_what_a_choice_leaves_open() -> None:
    table = _table((*NAMES, "DOB"), (*ADA, "03/04/1991"))
    dated = ("first_name", "last_name", "date_of_birth")

    def codes(choice: Choice) -> list[QuestionCode]:
        return [question.code for question in open_questions(table, choice, providers=PROVIDERS)]

    assert codes(Choice(True, dated)) == [QuestionCode.DATE_ORDER]
    assert codes(Choice(True, dated, "day-month")) == []
    table = _table((*NAMES, "DOB"), (*ADA, "04/13/1991"), (*ALAN, "03/04/1991"))
    assert codes(Choice(True, dated, "month-day")) == codes(Choice(True, dated)) == []
    [question] = open_questions(table, Choice(True, dated, "day-month"), providers=PROVIDERS)
    assert question == Question(QuestionCode.DATE_ORDER, 2, ("04/13/1991",), (2,))
    table = _table((*NAMES, "DOB"), (*ADA, "04/13/1991"), (*ALAN, "13/04/1991"))
    assert codes(Choice(True, dated, "day-month")) == []
    assert codes(Choice(True, dated)) == [QuestionCode.DATES_CONTRADICT]
    table = _table((*NAMES, "DOB"), (*ADA, "03/04/1991"))
    assert codes(Choice(True, ("first_name", "last_name", ""))) == []
    assert codes(Choice(True, ("first_name", "first_name", ""))) == [QuestionCode.REPEATED]
    assert codes(Choice(True, ("phone_numbers", "phone_numbers", "identifier:LOYALTY"))) == []


@pytest.mark.parametrize(
    "choice",
    [
        Choice(True, ("first_name", "last_name")),
        Choice(True, ("first_name", "last_name", "shoe_size")),
        Choice(True, ("first_name", "last_name", "identifier:OTHER")),
        Choice(True, ("first_name", "last_name", "emails"), "year-day"),
    ],
)
def test_a_choice_for_another_table_is_refused(choice: Choice) -> None:
    with pytest.raises(ValueError, match="another table"):
        open_questions(_table((*NAMES, "DOB"), (*ADA, "")), choice, providers=PROVIDERS)


OWN = ("State", "Reference", "Reason", "Receipt")


def test_columns_of_a_result_file_are_removed_wherever_they_are() -> None:
    table = _table((*NAMES, *OWN, "Mine"), (*ADA, "Created", "c", "", "https://x/submissions/1/", "m"))
    plain = without_own_columns(table)
    assert [row.cells for row in plain.rows] == [(*NAMES, "Mine"), (*ADA, "m")]
    assert without_own_columns(plain) is plain


@pytest.mark.parametrize(
    "headers", [(*NAMES, "State", "Reference"), (*NAMES, *OWN[:3], "Note"), (*NAMES, *reversed(OWN)), OWN]
)
def test_other_columns_with_such_names_stay(headers: tuple[str, ...]) -> None:
    table = _table(headers, tuple(map(str, range(len(headers)))))
    assert without_own_columns(table) is table


RECEIPT = "https://portal.example/submissions/2d7de9df-45a2-45ea-872c-30e45139007d/"


@pytest.mark.parametrize(
    "rows",
    [
        ((*ADA, "Created", "c-1", "", RECEIPT), (*ALAN, "Ready", "", "", "")),
        ((*ADA, "Ready", "", ""), (*ALAN, "Needs attention", "", "Enter the last name")),
        ((*ADA, "Ready"), (*ALAN, "Left out")),
        ((*ADA, "Created", "c-1", "", RECEIPT), (*ALAN, "", "", "", "")),  # added by a person
        ((*ADA, ""), (*ALAN, "Ready")),
    ],
)
def test_a_result_without_headers_has_states_and_only_receipts_at_its_end(
    rows: tuple[tuple[str, ...], ...],
) -> None:
    assert [row.cells for row in without_own_columns(_table(*rows)).rows] == [ADA, ALAN]


@pytest.mark.parametrize(
    "rows",
    [
        ((*ADA, "Created", "c-1", "", "x"), (*ALAN, "Ready", "", "", "")),
        ((*ADA, "Created", "c-1", "", RECEIPT), (*ALAN, "Munich", "", "", "")),
        ((*ADA, "Created", "c-1", "", RECEIPT), (*ALAN, "", "c-2", "", "")),
        ((*ADA, "Ready", "c-1", "x"), (*ALAN, "Ready", "", "")),
        ((*ADA, "Ready"), (*ALAN, "Munich")),
        ((*ADA, "Unknown"), (*ALAN, "")),  # a gender
        ((*ADA, "Unknown", "", "Irish"), (*ALAN, "Unknown", "", "British")),  # with a blank column
        ((*ADA, "Unknown", "", "Irish", RECEIPT), (*ALAN, "Unknown", "", "British", "")),
        (ADA, ALAN),
        (("Ready",), ("Created",)),
    ],
)
def test_what_is_not_of_the_portal_stays(rows: tuple[tuple[str, ...], ...]) -> None:
    table = _table(*rows)
    assert without_own_columns(table) is table


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("'+44 20", "+44 20"),
        ("''t Hooft", "'t Hooft"),
        ("'t Hooft", "'t Hooft"),
        ("a;'=b", "a;=b"),
        ("a'b", "a'b"),
    ],
)
def test_only_apostrophes_of_the_portal_are_removed(cell: str, expected: str) -> None:
    table = _table((*NAMES, *OWN), (cell, "Lovelace", "Ready", "", "", ""))
    assert without_own_columns(table).rows[1].cells[0] == expected
    other = _table(NAMES, (cell, "Lovelace"))
    assert without_own_columns(other).rows[1].cells[0] == cell


def test_dates_that_a_spreadsheet_may_have_exchanged_are_named_by_their_rows() -> None:
    def exchanged(texts: list[str]) -> tuple[int, ...]:
        return possibly_exchanged(enumerate(texts, 2))

    assert exchanged(["1991-03-04", "13/04/1991", "1990-12-01"]) == (2, 4)
    assert exchanged(["1991-03-13", "13/04/1991"]) == ()  # the spreadsheet reads the day first
    assert exchanged(["1991-03-04", "1990-12-01"]) == ()
    assert exchanged(["1991-03-04", "13/04/1991", "04/13/1991"]) == ()  # contradicting: asked
    assert exchanged(["1991-03-04", "03/04/1991"]) == ()
    assert exchanged(["13/04/1991", "14/04/1991"]) == ()


@settings(deadline=None)  # a busy machine is slow
@given(rows=st.lists(st.lists(st.text(max_size=6), min_size=3, max_size=3), min_size=1, max_size=5))
def test_no_table_makes_the_proposal_fail(rows: list[list[str]]) -> None:
    proposal = _proposal(*map(tuple, rows))
    assert len(proposal.targets) == len(proposal.examples) == 3
    assert all(one in ("", *TARGETS, "identifier:LOYALTY", "identifier:BOOKING") for one in proposal.targets)
