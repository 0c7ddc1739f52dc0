"""The figures as Excel, CSV and SVG: the numbers of the page, typed, and recorded."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
import time_machine
from django.http import QueryDict
from django.test import Client
from django.utils.formats import date_format

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.core.export.csv_cells import restore
from apps.history.figures import counting
from apps.history.forms.filters import SEARCH
from apps.history.totals.periods import Days
from tests.support.history_rows import bare, stored
from tests.support.people import events
from tests.support.spreadsheets import decoded

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

FILE = "/submissions/figures/file/"
NOW = dt.datetime.now(dt.UTC)
TODAY = NOW.date()
NAME = '=HYPERLINK("http://x.example";"<b>&\x07_x0041_\r") '
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def history(staff: User, supervisor: User) -> None:
    staff.name = NAME
    staff.save()
    rows = [bare(staff, Outcome.CREATED, NOW, duration_ms=250) for _row in range(3)]
    rows += [bare(staff, Outcome.REJECTED, NOW - dt.timedelta(days=1), duration_ms=1_500)]
    rows += [bare(supervisor, Outcome.UNKNOWN, NOW - dt.timedelta(days=2))]
    stored(rows)


def downloaded(client: Client, file_format: str, **filters: str) -> bytes:
    answer: Any = client.get(FILE, {"format": file_format, **filters})
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="figures_')
    assert answer["Content-Disposition"].endswith(f'.{file_format}"')
    content: bytes = answer.content
    return content


def sheets(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {
        sheet.title: [
            tuple(decoded(cell) if isinstance(cell, str) else cell for cell in row)
            for row in sheet.iter_rows(values_only=True)
        ]
        for sheet in book
    }


def test_excel_file_has_typed_cells_and_no_formula(as_supervisor: Client, history: None) -> None:
    content = downloaded(as_supervisor, "xlsx")
    found = sheets(content)
    assert [*found] == [
        "Summary", "Over time", "Per person", "Reasons", "Time to answer", "Unknown now", "About"
    ]  # fmt: skip
    first = dt.datetime.combine(TODAY - dt.timedelta(days=29), dt.time())
    today = dt.datetime.combine(TODAY, dt.time())
    assert found["Summary"][1] == ("Selected", first, today, 5, 3, 0.6, 1, 0.26, 1.6)
    assert found["Over time"][-1] == (today, today, "not over", 3, 3, 0, 0, 0, 0, 0)
    assert found["Over time"][-2][2] == "over"
    assert found["Per person"][1] == (NAME, 4, 0.8, 3, 0.75, 4, 0.26)
    assert found["Per person"][2] == ("Sue Person", 1, 0.2, 0, 0, 0, None)
    assert found["Reasons"][1:] == [("Sitecore CDP did not accept the entry", "Rejected", 1)]
    cells = [cell for sheet in openpyxl.load_workbook(io.BytesIO(content)) for row in sheet for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "n", "d"}


def test_summary_has_the_selected_days_also_without_a_row_on_the_first_or_today(
    as_supervisor: Client, staff: User
) -> None:
    """Beyond two months, the bars have only the days from the first row to the last."""
    stored([bare(staff, Outcome.CREATED, NOW - dt.timedelta(days=day)) for day in (5, 80)])
    since = TODAY - dt.timedelta(days=99)
    found = sheets(downloaded(as_supervisor, "xlsx", since=since.isoformat()))
    days = tuple(dt.datetime.combine(day, dt.time()) for day in (since, TODAY))
    assert found["Summary"][1][:4] == ("Selected", *days, 2)
    assert "is not over" in dict(found["About"])["Incomplete"]
    until = (TODAY - dt.timedelta(days=1)).isoformat()
    found = sheets(downloaded(as_supervisor, "xlsx", since=since.isoformat(), until=until))
    assert dict(found["About"])["Incomplete"] == "nothing"


def test_csv_file_has_the_numbers_of_the_excel_file(as_supervisor: Client, history: None) -> None:
    text = downloaded(as_supervisor, "csv").decode("utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(text, newline=""))]
    people = {(row["row"], row["measure"]): row["value"] for row in rows if row["table"] == "people"}
    assert people["1", "submissions"] == "4"
    assert people["1", "share_created"] == "0.75"
    assert people["2", "median_seconds"] == ""
    [name] = {row["name"] for row in rows if row["table"] == "people" and row["row"] == "1"}
    assert name.startswith("'=")
    assert restore(name) == NAME
    [of_today] = [
        row
        for row in rows
        if (row["table"], row["first_day"], row["measure"]) == ("over_time", f"{TODAY}", "submissions")
    ]
    assert (of_today["name"], of_today["last_day"], of_today["value"]) == ("not over", f"{TODAY}", "3")
    numbers = [
        value
        for name, lines in sheets(downloaded(as_supervisor, "xlsx")).items()
        if name != "About"
        for line in lines[1:]
        for value in line
        if isinstance(value, int | float)
    ]
    in_csv = [float(row["value"]) for row in rows if row["measure"] and row["value"]]
    assert sorted(in_csv) == pytest.approx(sorted(map(float, numbers)))


def test_drawing_stands_alone_and_names_what_it_shows(as_supervisor: Client, history: None) -> None:
    drawing = ElementTree.fromstring(downloaded(as_supervisor, "svg"))
    title = drawing.findtext(f"{SVG}title") or ""
    assert title.startswith("Submissions per day, ")
    assert "Filters: Last 30 days" in (drawing.findtext(f"{SVG}desc") or "")
    elements = [*drawing.iter()]
    assert {one.tag.removeprefix(SVG) for one in elements} <= {
        "svg", "title", "desc", "rect", "text", "g", "path"
    }  # fmt: skip
    assert not [name for one in elements for name in one.attrib if name in {"style", "class", "href"}]
    dashed = [one for one in drawing.iter(f"{SVG}rect") if one.get("stroke-dasharray")]
    assert [one.findtext(f"{SVG}title", "")[-len("Created: 3") :] for one in dashed] == ["Created: 3"]
    assert "is not over" in "".join(drawing.itertext())


@pytest.mark.once
def test_file_follows_the_filters(as_supervisor: Client, staff: User, history: None) -> None:
    found = sheets(downloaded(as_supervisor, "xlsx", outcome="rejected"))
    assert found["Summary"][1][3] == 1
    about: dict[Any, Any] = dict(found["About"])
    first = TODAY - dt.timedelta(days=29)
    days = f"from {date_format(first, 'j F Y')}"
    assert about["Filters"] == f"Last 30 days: {days}; Outcome: Rejected"
    assert about["Made by"] == "Sue Person (sue)"
    assert about["Scope"] == "everyone's submissions"


@pytest.mark.once
def test_file_says_when_its_numbers_were_read_in_the_zone_of_its_days(
    as_supervisor: Client, supervisor: User, history: None
) -> None:
    supervisor.time_zone = "Asia/Tokyo"
    supervisor.save()
    with time_machine.travel(dt.datetime(2026, 7, 1, 22, 30, 15, tzinfo=dt.UTC), tick=False):
        about: dict[Any, Any] = dict(sheets(downloaded(as_supervisor, "xlsx"))["About"])
        drawing = downloaded(as_supervisor, "svg", period="all").decode()
    assert about["Numbers as of"] == "2026-07-02 07:30:15 (Asia/Tokyo)"
    assert about["Time zone of days"] == "Asia/Tokyo"
    assert "Numbers as of: 2026-07-02 07:30:15 (Asia/Tokyo)." in drawing
    assert "Made by: Sue Person (sue)." in drawing


@pytest.mark.once
def test_file_does_not_say_that_a_search_is_its_readers(as_supervisor: Client) -> None:
    answer = as_supervisor.post("/submissions/", {f"{SEARCH}-last_name": "Searched"})
    token = QueryDict(answer["Location"].partition("?")[2])["search"]
    about: dict[Any, Any] = dict(sheets(downloaded(as_supervisor, "xlsx", search=token))["About"])
    assert about["Filters"] == "Last name: matches a search, whose values are not shown"


def test_file_is_recorded_with_its_filters(as_supervisor: Client, staff: User, history: None) -> None:
    downloaded(as_supervisor, "csv", person=str(staff.pk))
    [event] = events("figures.exported")
    since, person = event.details["filters"]
    assert (since[:7], person) == ("since:2", f"person:{staff.pk}")
    facts = {name: event.details[name] for name in ("format", "count", "scope")}
    assert facts == {"format": "csv", "count": 4, "scope": "everybody"}


@pytest.mark.once
def test_nothing_is_sent_or_recorded_without_permission_or_for_an_unreadable_request(
    as_supervisor: Client, as_staff: Client, as_administrator: Client, history: None
) -> None:
    for client in (as_staff, as_administrator):
        assert client.get(FILE, {"format": "csv"}).status_code == 403
    for file_format in ("", "exe", "jsonl", "\x00"):
        assert as_supervisor.get(FILE, {"format": file_format}).status_code == 404
    assert as_supervisor.post(FILE, {"format": "csv"}).status_code == 405
    answer: Any = as_supervisor.get(FILE, {"format": "csv", "since": "31 February"})
    assert (answer.status_code, answer["Location"]) == (303, "/submissions/figures/?since=31+February")
    assert events("figures.exported") == []


@pytest.mark.once
def test_without_a_row_there_are_tables_but_no_drawing(as_supervisor: Client) -> None:
    stored([])
    assert sheets(downloaded(as_supervisor, "xlsx"))["Summary"][1][0] == "Before"
    assert as_supervisor.get(FILE, {"format": "svg"}).status_code == 404
    assert FILE + "?format=svg" not in as_supervisor.get("/submissions/figures/").content.decode()


@pytest.mark.once
@pytest.mark.parametrize("file_format", ["xlsx", "csv", "svg"])
def test_rows_that_leave_the_filter_while_they_are_counted_are_no_error(
    as_supervisor: Client,
    staff: User,
    history: None,
    monkeypatch: pytest.MonkeyPatch,
    file_format: str,
) -> None:
    find_days = counting._days_selected_and_shown

    def last_seen(*given: Any) -> tuple[Days, Days] | None:
        days = find_days(*given)
        stored([])
        return days

    monkeypatch.setattr(counting, "_days_selected_and_shown", last_seen)
    content = downloaded(as_supervisor, file_format)
    if file_format == "xlsx":
        found = sheets(content)
        assert found["Summary"][1][3:6] == (0, 0, None)
        assert [row[1:5] for row in found["Per person"][1:]] == [(0, None, 0, None)] * 2
    [event] = events("figures.exported")
    assert event.details["count"] == 0
    stored([bare(staff, Outcome.CREATED, NOW)])
    assert as_supervisor.get("/submissions/figures/").status_code == 200
    assert not Submission.objects.exists()
