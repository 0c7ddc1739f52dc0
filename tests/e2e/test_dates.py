"""A date of birth is sent as intended or is an error; it is never dropped."""

from __future__ import annotations

import datetime
import re

import pytest
from django.core.exceptions import ValidationError
from playwright.sync_api import Page, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.forms.fields import DateOfBirthField
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    creates,
    expect_error,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    stored,
)
from tests.e2e.windows import Windows
from tests.support import date_cases

pytestmark = pytest.mark.e2e

NOT_PAST = "Date of birth must be before today"
SHORT_YEAR = "Enter the year in four digits"
NO_DATE = "Date of birth must be a real date, such as 7 March 1991"
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def _expect_refused_as_typed(page: Page, text: str, sandbox: SandboxServer) -> None:
    press_create(page)
    expect_error(page, "id_date_of_birth", NO_DATE)
    expect(page.locator("#id_date_of_birth")).to_have_value(text)
    assert creates(sandbox) == 0


def _echo(page: Page) -> str:
    return page.locator("#id_date_of_birth_echo").inner_text()


@pytest.mark.parametrize(
    ("order", "locale", "texts"),
    [
        ("day-month", "en-US", ["31 2 1991", "31/02/1991", "31 February 1991", "1991-02-31"]),
        ("month-day", "en-GB", ["2/31/1991", "February 31, 1991"]),
    ],
)
def test_31_february_typed_is_an_error_and_the_text_stays(
    *,
    windows: Windows,
    staff: User,
    sandbox: SandboxServer,
    settings: Settings,
    order: str,
    locale: str,
    texts: list[str],
) -> None:
    settings.DATE_ORDER = order
    page = windows.open(staff, locale=locale)
    open_form(page)
    fill_entry(page, SIMPLE)
    for text in texts:
        page.locator("#id_date_of_birth").fill("")
        page.locator("#id_date_of_birth").press_sequentially(text)
        assert _echo(page) == "This date does not exist"
        _expect_refused_as_typed(page, text, sandbox)
        assert _echo(page) == ""  # the error at the field shows it already


def test_31_february_pasted_is_an_error_and_the_text_stays(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, locale="en-US", permissions=CLIPBOARD)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.evaluate("navigator.clipboard.writeText('31.02.1991')")
    page.locator("#id_date_of_birth").focus()
    page.keyboard.press("Control+V")
    _expect_refused_as_typed(page, "31.02.1991", sandbox)


@pytest.mark.parametrize("locale", ["en-US", "en-GB"])
def test_date_picker_writes_into_the_text_field_and_an_impossible_date_changes_nothing(
    windows: Windows, staff: User, sandbox: SandboxServer, locale: str
) -> None:
    page = windows.open(staff, locale=locale)
    open_form(page)
    fill_entry(page, SIMPLE)
    text, native = page.locator("#id_date_of_birth"), page.locator(".date-picker input[type=date]")
    expect(page.get_by_role("button", name="Choose date of birth")).to_be_visible()
    text.fill("31 2 1991")
    native.focus()
    page.keyboard.type("02311991")  # the order follows the browser's language, not the page's
    _expect_refused_as_typed(page, "31 2 1991", sandbox)

    # As the date picker does it: the value, then the event.
    native.evaluate(
        "input => { input.value = '1991-03-07'; input.dispatchEvent(new Event('change', {bubbles: true})); }"
    )
    expect(text).to_have_value("7 March 1991")
    expect(text).to_be_focused()
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert [body["dateOfBirth"] for body in stored(sandbox)] == ["1991-03-07T00:00:00Z"]


@pytest.mark.parametrize(
    ("order", "locale", "text"),
    [
        ("day-month", "en-US", "7/3/1991"),
        ("month-day", "en-GB", "3/7/1991"),
        ("month-day", "en-GB", "1991-03-07"),
    ],
)
def test_echoed_reading_of_a_date_is_what_is_sent(
    *,
    windows: Windows,
    staff: User,
    sandbox: SandboxServer,
    settings: Settings,
    order: str,
    locale: str,
    text: str,
) -> None:
    settings.DATE_ORDER = order
    page = windows.open(staff, locale=locale)
    open_form(page)
    fill_entry(page, SIMPLE)
    field = page.locator("#id_date_of_birth")
    field.press_sequentially(text[:-2])
    assert _echo(page) == ""
    field.press_sequentially(text[-2:])
    assert _echo(page) == "7 March 1991"
    expect(field).to_have_accessible_description(re.compile("7 March 1991$"))
    press_create(page)
    expect_receipt(page, "Consumer created")
    expect(page.get_by_role("row").filter(has_text="Date of birth")).to_contain_text("7 March 1991")
    assert [body["dateOfBirth"] for body in stored(sandbox)] == ["1991-03-07T00:00:00Z"]


READ_ALL = """texts => {
  const field = document.getElementById("id_date_of_birth");
  const echo = document.getElementById("id_date_of_birth_echo");
  return texts.map(text => {
    field.value = text;
    field.dispatchEvent(new Event("input"));
    return echo.textContent;
  });
}"""


def _server_reading(text: str) -> str:
    """The date that would be sent, as the receipt shows it, or the error."""
    try:
        date = DateOfBirthField(max_length=40, too_long=NO_DATE).clean(text)
    except ValidationError as refused:
        return str(refused.messages[0])
    return f"{date.day} {date:%B} {date.year:04}" if date else ""


@pytest.mark.parametrize("order", ["day-month", "month-day"])
def test_echo_shows_no_reading_that_the_server_would_refuse_or_read_differently(
    windows: Windows, staff: User, settings: Settings, order: str
) -> None:
    settings.DATE_ORDER = order
    page = windows.open(staff)
    open_form(page)
    texts = [*date_cases.TEXTS, *date_cases.HALF_TYPED]
    echoes = page.evaluate(READ_ALL, texts)
    agreed, wrong = 0, []
    for text, echo in zip(texts, echoes, strict=True):
        server = _server_reading(text)
        refused = server == "" or not server[0].isdigit()
        # A partly typed date shows nothing; an accepted or wrong date shows a text.
        fits = echo in ("", "This date does not exist") if refused else echo == server
        if server == SHORT_YEAR:
            fits = echo in ("", SHORT_YEAR)
        if server == NOT_PAST:
            fits = echo == NOT_PAST
        agreed += echo == server
        if not fits:
            wrong.append((text, echo, server))
    assert wrong == []
    assert agreed > 25
    assert dict(zip(texts, echoes, strict=True))["1991-03-0"] == ""


def test_two_digit_year_is_reported_while_typing_and_by_the_server(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    field = page.locator("#id_date_of_birth")
    field.press_sequentially("7/3/9")
    assert _echo(page) == ""
    field.press_sequentially("1")
    assert _echo(page) == SHORT_YEAR
    press_create(page)
    expect_error(page, "id_date_of_birth", SHORT_YEAR)
    expect(page.get_by_text(SHORT_YEAR)).to_have_count(2)  # in the summary and at the field, not a third time

    field.fill("")
    field.press_sequentially("7/3/19")  # may become 1991
    assert _echo(page) == ""
    field.blur()
    assert _echo(page) == SHORT_YEAR
    expect(page.locator("#id_date_of_birth_error")).to_be_hidden()  # it was in the 1991 form, about 7/3/91
    field.press("End")
    field.press_sequentially("91")
    assert _echo(page) == "7 March 1991"
    assert creates(sandbox) == 0


OPENED = """() => {
  window.opened = [];
  HTMLInputElement.prototype.showPicker = function () { opened.push([this.value, this.max]); };
}"""


def test_date_picker_opens_at_a_plausible_year_and_offers_no_future_date(
    windows: Windows, staff: User
) -> None:
    page = windows.open(staff)
    open_form(page)
    page.evaluate(OPENED)
    field, button = page.locator("#id_date_of_birth"), page.get_by_role("button", name="Choose date of birth")
    button.click()
    field.fill("7 3 1991")
    button.click()
    today = datetime.datetime.now(datetime.UTC).date()
    (empty, newest), (typed, _newest) = page.evaluate("opened")
    assert int(empty[:4]) == today.year - 40
    assert typed == "1991-03-07"
    assert newest == (today - datetime.timedelta(days=1)).isoformat()
    expect(field).to_have_value("7 3 1991")  # nothing was selected


def test_browser_without_a_calendar_of_its_own_shows_how_a_date_is_read(
    windows: Windows, staff: User
) -> None:
    page = windows.open(staff)
    page.add_init_script("delete HTMLInputElement.prototype.showPicker")
    open_form(page)
    page.locator("#id_date_of_birth").press_sequentially("7 3 1991")
    expect(page.get_by_text("7 March 1991", exact=True).and_(page.locator(".date-echo"))).to_be_visible()
    expect(page.get_by_role("button", name="Choose date of birth")).to_have_count(0)


def test_form_without_a_date_sends_none(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox) == [
        {"firstName": SIMPLE.first_name, "lastName": SIMPLE.last_name, "emails": list(SIMPLE.emails)}
    ]
