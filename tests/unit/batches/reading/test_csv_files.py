"""CSV files: encodings, delimiters, line ends and signs that do not belong in a text."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.batches.models import SourceKind
from apps.batches.reading import delimited
from apps.batches.reading.read import read_file
from apps.batches.reading.table import Finding, FindingCode, NotReadable, TableFault
from apps.core.delimited import read_lines
from tests.unit.batches.reading.test_pasted import TABLES

pytestmark = pytest.mark.once

GERMAN = "Nachname;Vorname;Straße\r\nMüller;Jürgen;Hauptstraße 5\r\nKöhler;Änne;Weg 1\r\n"
FRENCH = "Nom;Prénom\r\nLefèvre;François\r\nGarçon;Zoé\r\n"
TURKISH = "Soyadı;Adı;Doğum tarihi\r\nYılmaz;Ayşe;07.03.1991\r\nŞahin;İbrahim;01.02.1980\r\n"
JAPANESE = "姓,名,電話番号\r\n山田,太郎,090-1234-5678\r\n鈴木,はなこ,080-1111-2222\r\n"
KATAKANA = "セイ,メイ\r\nヤマダ,タロウ\r\n"
POLISH = "Nazwisko;Imię\r\nŁukasz;Żółć\r\n"
CZECH = "Příjmení;Jméno\r\nDvořák;Jiří\r\nČerný;Tomáš\r\n"
RUSSIAN = "Фамилия;Имя\r\nИванов;Пётр\r\nСидорова;Анна\r\n"
GREEK = "Επώνυμο;Όνομα\r\nΠαπαδόπουλος;Γιώργος\r\n"
KOREAN = "성,이름\r\n김,민수\r\n이,영희\r\n"
CHINESE = "姓名,电话\r\n王伟,13800138000\r\n李娜,13900139000\r\n"
MIXED = "Name;First\r\nMüller;François\r\nSørensen;Núria\r\nÖz;Zoë\r\nO’Brien;Pat\r\n"
PLAIN = "Surname,First name\nClean,Ida\n"


def expected(text: str) -> list[tuple[str, ...]]:
    delimiter = ";" if ";" in text else ","
    return [tuple(line.split(delimiter)) for line in text.split("\r\n") if line]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (MIXED, "cp1252"),
        (TURKISH, "cp1254"),
        (JAPANESE, "cp932"),
        (KATAKANA, "cp932"),
        (JAPANESE, "euc_jp"),
        (POLISH, "cp1250"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (GREEK, "cp1253"),
        (KOREAN, "cp949"),
        (CHINESE, "gb18030"),
        (FRENCH, "mac_roman"),
        (GERMAN, "cp850"),
        (RUSSIAN, "cp866"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
    ],
)
def test_encoding_is_found_by_the_letters_and_told(text: str, encoding: str) -> None:
    table = read_file("liste.csv", text.encode(encoding))
    assert [row.cells for row in table.rows] == expected(text)
    assert table.findings[0] == Finding(FindingCode.ENCODING_GUESSED, 0, encoding)


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        ("Łukasz", "cp1250"),
        ("Škoda", "cp1250"),
        ("Kazlauskienė", "cp1257"),
        ("Yılmaz", "cp1254"),
        ("Muñoz", "cp1252"),
        ("Sørensen", "cp1252"),
        ("Hélène", "cp1252"),
        ("Kovács;Szabó;Őri", "cp1250"),
        ("Παπαδόπουλος", "cp1253"),
    ],
)
def test_names_that_are_as_likely_in_another_encoding_are_refused(names: str, encoding: str) -> None:
    with pytest.raises(NotReadable) as refused:
        read_file("liste.csv", f"Surname;First name\n{names}\n".encode(encoding))
    assert refused.value.fault is TableFault.ENCODING_UNKNOWN


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        ("Müller", "cp1252"),
        ("MÜLLER;ÖZ", "cp1252"),
        ("Groß", "cp1252"),
        ("Élodie;O’Brien", "cp1252"),
        ("Muñoz;José;García;María;Peña", "cp1252"),
        ("João;José;Gonçalves", "cp1252"),
        ("Mª José;García", "cp1252"),
        ("Müller;Åse;Muñoz;Chloë;João;François;Öz;Sørensen", "cp1252"),
        ("Ştefănescu", "cp1250"),
        ("Mureş;Ionuţ", "cp1250"),
        ("Wiśniewski;Paweł", "cp1250"),
        ("Nowak;Michał", "cp1250"),
        ("Horvat;Željko;Đurđa", "cp1250"),
        ("Bērziņš;Kļaviņa", "cp1257"),
        ("Žukauskas;Jurgėnas;Šimkūnas", "cp1257"),
        ("Müller", "cp850"),
    ],
)
def test_short_list_is_read_if_one_encoding_is_likelier(names: str, encoding: str) -> None:
    table = read_file("liste.csv", f"Surname;First name\n{names}\n".encode(encoding))
    assert ";".join(table.rows[1].cells).rstrip(";") == names


@pytest.mark.parametrize("text", [GERMAN, FRENCH, TURKISH, JAPANESE, RUSSIAN])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_encoding_that_the_file_tells_is_no_guess(text: str, mark: bytes, encoding: str) -> None:
    table = read_file("liste.csv", mark + text.encode(encoding))
    assert [row.cells for row in table.rows] == expected(text)
    assert FindingCode.ENCODING_GUESSED not in {finding.code for finding in table.findings}
    assert table.source is SourceKind.CSV


@pytest.mark.parametrize(
    ("content", "rows", "delimiter"),
    [
        ("a;b\nx, y;z\n", [("a", "b"), ("x, y", "z")], "semicolon"),
        ("Name;Address\nIda;1 Road, 123 City, Land\nBo;2 Road, 4 City, Land\n", None, "semicolon"),
        ("name,mails,note\nIda,a@x.de;b@x.de,1\nBo,c@x.de;d@x.de,2\n", None, "comma"),
        ("a\tb\n1,5\t2,5\n", [("a", "b"), ("1,5", "2,5")], "tab"),
        ("a|b|c\n1|2|3\n", [("a", "b", "c"), ("1", "2", "3")], "bar"),
        ('",";","\n",";","\n', [(",", ","), (",", ",")], "semicolon"),
        ('a,b\n"x;y;z","1;2"\n', [("a", "b"), ("x;y;z", "1;2")], "comma"),
        ("List of guests\na;b;c\n1;2;3\n4;5;6\n", None, "semicolon"),
        ("Name\nIda\n", [("Name",), ("Ida",)], ""),
    ],
)
def test_delimiter_is_the_one_that_fits_the_whole_file(
    content: str, rows: list[tuple[str, ...]] | None, delimiter: str
) -> None:
    table = read_file("a.csv", content.encode())
    told = [finding.detail for finding in table.findings if finding.code is FindingCode.DELIMITER]
    assert told == ([delimiter] if delimiter else [])
    if rows is not None:
        assert [row.cells for row in table.rows] == rows


def test_delimiter_that_the_first_line_tells_is_taken_and_its_line_is_no_row() -> None:
    table = read_file("a.csv", b"sep=,\r\nName,Note\r\nIda,a;b\r\n")
    assert [(row.number, row.cells) for row in table.rows] == [(1, ("Name", "Note")), (2, ("Ida", "a;b"))]
    marked = read_file("a.csv", '\ufeff"sep=|"\nName|Note\n'.encode())
    assert [row.cells for row in marked.rows] == [("Name", "Note")]


def test_name_of_a_file_with_tabs_decides() -> None:
    table = read_file("A.TSV", b"Name,\tNote,\nIda,\tx,\n")
    assert [row.cells for row in table.rows] == [("Name,", "Note,"), ("Ida,", "x,")]


def test_line_ends_may_be_mixed() -> None:
    table = read_file("a.csv", b'a,b\r\n1,"x\r\ny"\n\r3,4\r5,6')
    assert [(row.number, row.cells) for row in table.rows] == [
        (1, ("a", "b")),
        (2, ("1", "x\ny")),
        (4, ("3", "4")),
        (5, ("5", "6")),
    ]


def test_nul_is_removed_and_told() -> None:
    table = read_file("a.csv", b"a,b\0\n1,\0\x002\n")
    assert [row.cells for row in table.rows] == [("a", "b"), ("1", "2")]
    assert table.findings[0] == Finding(FindingCode.NUL_REMOVED, 3)


@given(TABLES, st.sampled_from(";,"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_csv_writes_is_read_back(rows: list[list[str]], delimiter: str, encoding: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    table = read_file("a.csv", text.getvalue().encode(encoding))
    assert [row.cells for row in table.rows] == [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (GERMAN.encode() * 3 + "Müller".encode("cp1252"), TableFault.ENCODING_UNKNOWN),
        ("Özil;Mesut\n".encode() * 3 + "Müller".encode("cp1252"), TableFault.ENCODING_UNKNOWN),
        (b"Name;x\n\xd8\xf1\xc3\x28\x81\x8d\x8f\x90;\xff\xfe\n", TableFault.ENCODING_UNKNOWN),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", TableFault.ENCODING_UNKNOWN),
        (codecs.BOM_UTF8 + b"M\xfcller;x", TableFault.ENCODING_UNKNOWN),
        (b"a;b\n1;2\n3;4\n5,6\n7,8\n9,0\n", TableFault.SEVERAL_FORMATS),
    ],
)
def test_text_that_could_only_be_garbled_is_refused(content: bytes, fault: TableFault) -> None:
    with pytest.raises(NotReadable) as refused:
        read_file("a.csv", content)
    assert refused.value.fault is fault


def test_text_formula_is_the_text_that_a_spreadsheet_shows() -> None:
    content = b'Code;Other\n="0123456";"=""007"""\n="";=A1&"x"\n"\'=""08""";=1\n'
    assert [row.cells for row in read_file("a.csv", content).rows[1:]] == [
        ("0123456", "007"),
        ("", '=A1&"x"'),
        ("08", "=1"),
    ]


def test_line_after_the_last_row_of_a_sheet_is_refused() -> None:
    blank = b"\n" * 1_048_575
    assert read_file("a.csv", blank + b"Ida").rows[0].number == 1_048_576
    with pytest.raises(NotReadable) as refused:
        read_file("a.csv", blank + b"\nIda")
    assert refused.value.fault is TableFault.TOO_COMPLEX


def test_text_of_the_full_size_is_decoded_within_its_sample() -> None:
    content = PLAIN.encode() + b"".join(b"M\xfcller %d,J\xfcrgen\n" % number for number in range(400))
    table = read_file("a.csv", content)
    assert table.rows[2].cells == ("Müller 0", "Jürgen")


def test_delimiters_are_compared_by_the_first_lines_of_a_text_that_is_no_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: Counter[str] = Counter()

    def counted(text: str, delimiter: str) -> Iterator[tuple[str, ...]]:
        for cells in read_lines(text, delimiter):
            read[delimiter] += 1
            yield cells

    monkeypatch.setattr(delimited, "read_lines", counted)
    with pytest.raises(NotReadable) as refused:
        read_file("list.csv", b"a,b;c|d\n" * 200_000)
    assert (refused.value.fault, refused.value.count) == (TableFault.TOO_MANY_ROWS, 10_000)
    assert max(read.values()) < 70_000


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"Jane", "Doe", jane@example.com, "X1"', ("Jane", "Doe", " jane@example.com", "X1")),
        ('"Jane" , "Doe, PhD" ,x, "X""1" ', ("Jane", "Doe, PhD", "x", 'X"1')),
        ('Jane, "Doe, PhD",x,X1', ("Jane", "Doe, PhD", "x", "X1")),
        ('Jane, "Doe\nPhD",x,X1', ("Jane", "Doe\nPhD", "x", "X1")),
        ('Jane, "Bob" Doe,x,X1', ("Jane", ' "Bob" Doe', "x", "X1")),
    ],
)
def test_blanks_around_quotation_marks_do_not_count(line: str, cells: tuple[str, ...]) -> None:
    for delimiter in (",", ";", "|"):
        text = f"First name,Last name,Email,Passport\n{line}\n".replace(",", delimiter)
        expected = tuple(cell.replace(",", delimiter) for cell in cells)
        [_headers, row] = read_file("people.csv", text.encode()).rows
        assert row.cells == expected


def test_blanks_before_quotation_marks_belong_to_a_cell_between_tabs() -> None:
    assert [*read_lines('a\t "b" \t"c"', "\t")] == [("a", ' "b" ', "c")]
