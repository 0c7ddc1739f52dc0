"""A date of birth is read in the usual notations, and never guessed."""

from __future__ import annotations

import calendar
import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.core.dates import ShortYear, read_date
from apps.core.forms.input import LineField
from apps.core.web.filters import MAX_DATE_LENGTH
from tests.support.date_cases import GROUPS, ORDERS, SHORT_YEAR


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("group", GROUPS, ids=[group["what"] for group in GROUPS])
def test_texts_are_read_as_in_the_table(group: dict[str, Any], order: str) -> None:
    """The page's script is tested with the same table in tests/javascript/dates.test.js."""
    expected = "refused" if group[order] in ("impossible", "not-a-date") else group[order]
    readings = {text: _read(text, month_first=order == "month-day") for text in group["texts"]}
    assert readings == dict.fromkeys(group["texts"], expected)


def _read(text: str, *, month_first: bool) -> str:
    """What a date field reads: without invisible characters and blanks around, up to its limit."""
    try:
        typed = LineField(max_length=MAX_DATE_LENGTH).clean(text)
        return read_date(typed, month_first=month_first).isoformat()
    except ShortYear:
        return SHORT_YEAR
    except (ValidationError, ValueError):
        return "refused"


@pytest.mark.parametrize("month_first", [False, True])
@given(date=st.dates(min_value=datetime.date(1800, 1, 1)))
def test_eight_digits_are_read_with_their_year_at_either_end(date: datetime.date, month_first: bool) -> None:
    in_order = f"{date:%m%d%Y}" if month_first else f"{date:%d%m%Y}"
    for text in (in_order, f"{date:%Y%m%d}"):
        assert read_date(text, month_first=month_first) == date


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
