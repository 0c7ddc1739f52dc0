"""A date of birth is read in the usual notations, and never guessed."""

from __future__ import annotations

import calendar
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.dates import ShortYear, read_date

SEVENTH_OF_MARCH = datetime.date(1991, 3, 7)


@pytest.mark.parametrize(
    "text",
    [
        "7 3 1991",
        "07/03/1991",
        "7.3.1991",
        "7-3-1991",
        "7. 3. 1991",
        "7 March 1991",
        "07 march 1991",
        "7 MAR 1991",
        "7 Mar. 1991",
        "7-Mar-1991",
        "7March1991",
        "March 7, 1991",
        "Mar 7 1991",
        "1991-03-07",
        "1991/3/7",
        "  7  3  1991  ",
        "7th March 1991",
        "7TH of March, 1991",
        "7 of March 1991",
        "March 7th, 1991",
        "1991 March 7",
        "07031991",
        "7.3.1991.",
        "7 March 1991 .",
        "1991-03-07T00:00:00Z",
        "1991-03-07 00:00:00",
        "1991-03-07t00:00:00.000+01:00",
        "1991-03-07 00:00",
        "\N{FULLWIDTH DIGIT SEVEN}\N{FULLWIDTH SOLIDUS}3\N{FULLWIDTH SOLIDUS}1991",
        "7\N{EN DASH}3\N{EN DASH}1991",
    ],
)
def test_every_notation_of_a_date_is_read_with_the_day_first(text: str) -> None:
    assert read_date(text) == SEVENTH_OF_MARCH


@pytest.mark.parametrize("text", ["3 7 1991", "03/07/1991", "3.7.1991", "03-07-1991", "03071991"])
def test_numeric_dates_are_read_with_the_month_first_if_configured(text: str) -> None:
    assert read_date(text, month_first=True) == SEVENTH_OF_MARCH
    assert read_date(text) == datetime.date(1991, 7, 3)


@pytest.mark.parametrize("text", ["1991-03-07", "7 March 1991", "March 7, 1991", "19910307"])
def test_unambiguous_dates_do_not_depend_on_the_order(text: str) -> None:
    assert read_date(text, month_first=True) == read_date(text) == SEVENTH_OF_MARCH


@pytest.mark.parametrize(
    "text",
    [
        "31 2 1991",
        "31/02/1991",
        "31 February 1991",
        "1991-02-31",
        "February 31, 1991",
        "29 2 1991",
        "29 February 1900",
        "31 4 1991",
        "0 3 1991",
        "7 0 1991",
        "7 13 1991",
        "7 3 0000",
    ],
)
def test_day_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_date(text)


@pytest.mark.parametrize(
    "text",
    ["7 3 91", "07/03/91", "7.3.91.", "7 March 91", "7 March '91", "March 7th, 91", "91-03-07", "070391"],
)
def test_two_digit_year_has_its_own_error(text: str) -> None:
    with pytest.raises(ShortYear):
        read_date(text)


def test_eight_digits_that_are_two_dates_are_refused() -> None:
    """2001-11-05, or 20 January 1105."""
    with pytest.raises(ValueError, match="ambiguous"):
        read_date("20011105")


def test_sept_is_september() -> None:
    assert read_date("7 Sept. 1991") == read_date("Sept 7, 1991") == datetime.date(1991, 9, 7)


def test_month_first_does_not_turn_a_13th_month_into_a_day() -> None:
    with pytest.raises(ValueError, match=r"."):
        read_date("13/03/1991", month_first=True)


@pytest.mark.parametrize("text", ["29 2 2000", "29 February 1992", "1996-02-29"])
def test_29_february_exists_only_in_leap_years(text: str) -> None:
    assert (read_date(text).month, read_date(text).day) == (2, 29)


@pytest.mark.parametrize(
    "text",
    [
        "7 3 19911",
        "7 3 199",
        "7 3",
        "March 1991",
        "1991",
        "7031991",
        "31021991",
        "7th 1991",
        "7 Brumaire 1991",
        "7 M 1991",
        "7 3 1991 or so",
        "1991-03-07T23:00:00Z",
        "1991-03-07T00:00:01Z",
        "1991-03-07T",
        "yesterday",
        "",
    ],
)
def test_incomplete_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_date(text)


@pytest.mark.parametrize("text", ["٧ March ١٩٩١", "7 March ١٩٩١", "٣ ٧ 1991"])
def test_digits_of_other_scripts_are_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="written"):
        read_date(text)


@pytest.mark.parametrize("gap", ["\N{NO-BREAK SPACE}", "\N{THIN SPACE}"])
def test_pasted_date_with_unusual_blanks_is_read(gap: str) -> None:
    for text in ("7 3 1991", "1991 3 7", "7 March 1991", "March 7 1991"):
        assert read_date(text.replace(" ", gap)) == SEVENTH_OF_MARCH


MONTHS = list(calendar.month_name)[1:]


@pytest.mark.parametrize(("number", "name"), list(enumerate(MONTHS, start=1)))
def test_every_month_is_read_by_its_name_and_its_first_three_letters(number: int, name: str) -> None:
    assert read_date(f"7 {name} 1991").month == number
    assert read_date(f"7 {name[:3]} 1991").month == number


@given(date=st.dates(min_value=datetime.date(1000, 1, 1)), gap=st.sampled_from([" ", "/", ".", "-", " - "]))
def test_formatted_date_round_trips_in_every_notation(date: datetime.date, gap: str) -> None:
    month = MONTHS[date.month - 1]
    for text in (
        gap.join(map(str, (date.day, date.month, date.year))),
        f"{date.day:02}{gap}{date.month:02}{gap}{date.year}",
        f"{date.day} {month} {date.year}",
        f"{month} {date.day}, {date.year}",
        f"{date.day} {month[:3]} {date.year}",
        f"{date.day}th of {month} {date.year}",
        f"{date.year} {month} {date.day}",
        date.isoformat(),
        f"{date.isoformat()}T00:00:00Z",
    ):
        assert read_date(text) == date
    assert read_date(gap.join(map(str, (date.month, date.day, date.year))), month_first=True) == date
