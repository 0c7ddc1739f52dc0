"""Dates of lists: read in one order for each list, never in the other one, also not by the form."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT
from django.utils.translation import override
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.batches.columns import date_orders
from apps.batches.columns.date_orders import (
    DAY_MONTH,
    MONTH_DAY,
    ORDERS,
    ColumnOrder,
    Meaning,
    meaning_of,
    order_of,
    read_in_order,
)
from apps.batches.columns.values import date_value
from apps.consumers.forms.fields import DateOfBirthField
from apps.core import dates
from apps.core.text import similar_key
from tests.support.date_cases import TEXTS

NUMBERS = st.integers(0, 33).flatmap(lambda number: st.sampled_from([f"{number}", f"{number:02}"]))
GAPS = st.sampled_from(["/", ".", "-", " ", "\u2013", "/\u200b", "\u00a0", " / "])
YEARS = st.one_of(st.integers(1900, 2025).map(str), st.integers(0, 99).map("{:02}".format))


@st.composite
def _numeric_dates(draw: st.DrawFn) -> str:
    first, second, gap, year = draw(NUMBERS), draw(NUMBERS), draw(GAPS), draw(YEARS)
    shape = draw(st.sampled_from(["{0}{2}{1}{2}{3}", "{3}{2}{0}{2}{1}", "{0}{1}{3}", "{3}{0}{1}"]))
    wrap = draw(st.sampled_from(["{}", " {}", "{}.", "\u200b{}", "{}\u3000", "{}T00:00:00Z", "\ufeff{}"]))
    return wrap.format(shape.format(first, second, gap, year))


def _read_by_form(text: str) -> dt.date | None:
    with suppress(ValidationError):
        return DateOfBirthField(max_length=40, too_long="").clean(text)
    return None


@settings(deadline=None)  # a busy machine is slow
@given(text=st.one_of(_numeric_dates(), st.sampled_from(TEXTS)), order=st.sampled_from([*ORDERS, ""]))
@example(text="04/13/1991", order=DAY_MONTH)
@example(text="03/04/1991", order="")
@example(text="20100110", order=DAY_MONTH)
@example(text="03/\u200b04/1991", order=MONTH_DAY)
@pytest.mark.parametrize("of_form", ORDERS)
def test_the_form_never_reads_a_date_in_another_order_than_the_chosen_one(
    text: str, order: str, of_form: str
) -> None:
    with override_settings(DATE_ORDER=of_form):
        read = _read_by_form(date_value(text.strip(), order))
    if order:
        assert read in (None, read_in_order(text, order))
    else:
        # Without an order only what both orders read alike, or one of them only.
        assert read is None or meaning_of(text) is not Meaning.AMBIGUOUS


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("of_form", ORDERS)
@settings(deadline=None)  # a busy machine is slow
@given(day=st.dates(dt.date(1900, 1, 1), dt.date(2020, 12, 31)), gap=st.sampled_from("/.- "))
def test_a_date_in_the_chosen_order_is_read_as_it_was_meant(
    day: dt.date, gap: str, order: str, of_form: str
) -> None:
    numbers = (f"{day:%d}", f"{day:%m}") if order == DAY_MONTH else (f"{day:%m}", f"{day:%d}")
    text = gap.join((*numbers, f"{day:%Y}"))
    assert date_value(text, order) == day.isoformat()
    with override_settings(DATE_ORDER=of_form):
        assert _read_by_form(date_value(text, order)) == day


def test_a_date_that_only_the_form_could_read_keeps_its_text_with_a_remark() -> None:
    assert date_value("04/13/1991", DAY_MONTH) == "04/13/1991 (DD/MM/YYYY)"
    assert date_value("13/04/1991", MONTH_DAY) == "13/04/1991 (MM/DD/YYYY)"
    assert date_value("03/04/1991", "") == "03/04/1991 (DD/MM or MM/DD)"
    assert date_value("13/04/1991", "") == "1991-04-13"


@pytest.mark.parametrize("text", ["31/02/1991", "yesterday", "1991", "03/04/91", "13/13/1991", "?"])
def test_what_is_no_date_in_either_order_is_passed_on_as_typed(text: str) -> None:
    assert [date_value(text, order) for order in [*ORDERS, ""]] == [text] * 3


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1991-03-07", Meaning.EITHER),
        ("1991/03/07", Meaning.EITHER),
        ("7 March 1991", Meaning.EITHER),
        ("03/03/1991", Meaning.EITHER),
        ("19910307", Meaning.EITHER),
        ("1991年3月7日", Meaning.EITHER),
        ("03/04/1991", Meaning.AMBIGUOUS),
        ("03.04.1991", Meaning.AMBIGUOUS),
        ("03041991", Meaning.AMBIGUOUS),
        ("13041991", Meaning.DAY_MONTH),
        ("20100110", Meaning.EITHER),
        ("13/04/1991", Meaning.DAY_MONTH),
        ("04/13/1991", Meaning.MONTH_DAY),
        ("03/04/91", Meaning.NO_DATE),
        ("31/02/1991", Meaning.NO_DATE),
        ("", Meaning.NO_DATE),
    ],
)
def test_what_a_text_says_about_the_order(text: str, meaning: Meaning) -> None:
    assert meaning_of(text) is meaning


@pytest.mark.parametrize(
    ("texts", "order", "is_asked"),
    [
        (["12/31/90", "3/4/91"], MONTH_DAY, False),
        (["31.12.90", "3.4.91"], DAY_MONTH, False),
        (["3/4/91", "5/6/92"], "", True),
        (["3/3/91", "31/31/92", "991/1/1"], "", False),
        (["12/31/1990", "31/12/90"], "", True),
    ],
)
def test_dates_with_a_year_of_two_digits_say_the_order_in_which_they_are_corrected(
    texts: list[str], order: str, is_asked: bool
) -> None:
    found = order_of(enumerate(texts))
    assert (found.order, found.has_to_be_asked) == (order, is_asked)
    assert [date_value(text, order) for text in texts if len(text) < 10] == [
        text for text in texts if len(text) < 10
    ]


def test_texts_decide_for_their_column() -> None:
    decided = order_of([(2, "03/04/1991"), (3, "13/04/1991"), (4, "1991-03-07")])
    assert decided == ColumnOrder(DAY_MONTH, ambiguous=(2,), day_month=(3,))
    assert not decided.has_to_be_asked
    assert order_of([(2, "04/13/1991"), (3, "03/04/1991")]).order == MONTH_DAY


def test_an_order_that_no_text_decides_is_asked() -> None:
    assert order_of([(2, "03/04/1991"), (3, "1991-03-07")]).has_to_be_asked
    assert not order_of([(2, "03/03/1991"), (3, "1991-03-07"), (4, "no date")]).has_to_be_asked


def test_texts_that_contradict_each_other_are_asked_also_without_an_ambiguous_one() -> None:
    found = order_of([(2, "13/04/1991"), (3, "04/13/1991")])
    assert found == ColumnOrder("", day_month=(2,), month_day=(3,))
    assert found.is_contradictory
    assert found.has_to_be_asked


@pytest.mark.parametrize(
    "text",
    [
        "7. März 1991", "7 mars 1991", "7 Mart 1991", "7 de marzo de 1991", "7 marzo 1991", "7 maart 1991",
        "7. marts 1991", "7 marca 1991", "7. března 1991", "7 MARS 1991", "7-Mar-1991", "Mar 7, 1991",
        "7 de março de 1991",
    ],
)  # fmt: skip
def test_months_are_read_in_many_languages(text: str) -> None:
    assert [read_in_order(text, order) for order in ORDERS] == [dt.date(1991, 3, 7)] * 2


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("07. Mrz 1991", 3), ("07-Mrz-1991", 3), ("7 janv. 1991", 1), ("7 févr. 1991", 2),
        ("7 avr. 1991", 4), ("7 juil. 1991", 7), ("7 sept. 1991", 9), ("7 déc. 1991", 12), ("7. čvn 1991", 6),
        ("7. čvc 1991", 7),
    ],
)  # fmt: skip
def test_short_months_of_spreadsheet_programs_are_read(text: str, month: int) -> None:
    assert [read_in_order(text, order) for order in ORDERS] == [dt.date(1991, month, 7)] * 2


def test_a_short_month_has_one_meaning_in_all_languages() -> None:
    for name, number in date_orders._SHORT_NAMES.items():
        for language in date_orders._LANGUAGES:
            with override(language):
                for names in (MONTHS, MONTHS_ALT, MONTHS_3):
                    same = {
                        key for key, other in names.items() if similar_key(str(other)).rstrip(".") == name
                    }
                    assert same <= {number}


@pytest.mark.parametrize(
    "text",
    [
        "12. listopada 1985", "12 listopada 1985", "12. Listopad 1985", "07-lis-1991", "07-lip-1991",
        "07.srp.1991", "7. SRP. 1991",
    ],
)  # fmt: skip
def test_a_month_that_is_another_one_in_croatian_is_left_as_typed(text: str) -> None:
    assert [date_value(text, order) for order in [*ORDERS, ""]] == [text] * 3
    assert _read_by_form(text) is None


@pytest.mark.parametrize(
    ("text", "month"),
    [("7 lipca 1991", 7), ("7. srpna 1991", 8), ("7. listopadu 1991", 11), ("7 grudnia 1991", 12)],
)
def test_other_months_of_czech_and_polish_are_read(text: str, month: int) -> None:
    assert read_in_order(text, DAY_MONTH) == dt.date(1991, month, 7)


def test_the_first_of_a_month_is_read_in_french() -> None:
    assert read_in_order("1er avril 1991", DAY_MONTH) == dt.date(1991, 4, 1)


def test_no_name_of_a_month_means_two_months() -> None:
    meanings: dict[str, set[int]] = {}
    for language in date_orders._LANGUAGES:
        with override(language):
            for names in (MONTHS, MONTHS_ALT, MONTHS_3):
                for number, name in names.items():
                    meanings.setdefault(similar_key(str(name)).rstrip("."), set()).add(number)
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


@settings(deadline=None)  # a busy machine is slow
@given(text=st.text(st.sampled_from("0123456789/.- \u200bMarchT:Zde年月日"), max_size=14))
def test_a_value_is_an_iso_date_or_contains_the_text(text: str) -> None:
    value = date_value(text, DAY_MONTH)
    is_iso = re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    assert is_iso or value.startswith(text)
    with suppress(ValueError):
        if is_iso:
            assert dates.read_date(value) == read_in_order(text, DAY_MONTH)
