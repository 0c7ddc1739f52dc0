"""The page of one row of a list: everything that is wrong with it, and what a save does to it."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.batches.changing import rows
from apps.batches.changing.decisions import release_row
from apps.batches.checking import check
from apps.batches.files.result import read_result
from apps.batches.models import Batch, OwnState, ReleaseReason
from apps.batches.reading.limits import MAX_COLUMNS
from apps.batches.sending import control
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation.resolution import WORKER_DELAY, longest_send
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import TABLE, WITHOUT_NAME, at, only_batch, paste, summary_of, text, values_of
from tests.support.batch_rows import batch_of, row_of, sent_row, shown_rows, states, warning_codes
from tests.support.batch_sending import checked_batch, confirmed_batch, people, send_all, take_turn
from tests.support.entries import identifier_rows, on_page, posted, store
from tests.support.people import PASSWORD, acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_row_of_another_order_is_ready_only_once_the_person_says_that_it_belongs_to_this_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, [{**posted(people(1)[0], order=""), "order_ref": "ZZZ-999"}])
    check.check_batch(batch, client=get_client())
    assert states(batch) == ["attention"]
    page = as_staff.get(at("row", batch, 2))
    problem = "This row names another order than the list: ZZZ-999. Leave it out, or confirm it"
    assert summary_of(page) == [problem]
    content = page.content.decode()
    assert "Error: " in content
    [box] = re.findall("<input[^>]+order_confirmed[^>]+>", content)
    assert 'aria-invalid="true" aria-describedby="id_order_confirmed_error"' in box
    assert re.search(f'<div id="id_order_confirmed_error"[^>]*><p><strong>{problem}<', content)
    values = values_of(page)
    unchanged = as_staff.post(at("row", batch, 2), values)
    assert (unchanged.status_code, summary_of(unchanged)) == (200, [problem])
    assert states(batch) == ["attention"]
    assert row_of(batch, 2).values["order_ref"] == "ZZZ-999"
    confirmed = {**values, "order_confirmed": "yes"}
    wrong = as_staff.post(at("row", batch, 2), {**confirmed, "last_name": ""})
    assert summary_of(wrong) == ["Enter the last name"]
    assert " checked" in wrong.content.decode()  # the tick stays
    assert "id_order_confirmed_error" not in wrong.content.decode()
    assert as_staff.post(at("row", batch, 2), confirmed).status_code == 303
    assert states(batch) == ["ready"]


@pytest.mark.sql("new")
def test_row_posted_after_the_session_comes_back_with_its_tick_from_whichever_page_it_was_posted(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    paste(as_staff, "First name\tLast name\tOrder number\nAda\tLove\tZZZ-999\n")
    batch = only_batch()
    address = at("row", batch, 2)
    posted_values = {**values_of(as_staff.get(address)), "last_name": "Latest", "order_confirmed": "yes"}
    visitor = Client()
    page = f"http://testserver{at('release', batch, 2)}?show=attention"
    assert visitor.post(address, posted_values, headers={"Referer": page}).status_code == 302
    visitor.post(reverse("account_login"), {"login": staff.username, "password": PASSWORD})
    shown = visitor.get(f"{address}?show=attention")
    assert "Latest" in text(shown) + str(values_of(shown))
    [box] = re.findall("<input[^>]+order_confirmed[^>]+>", shown.content.decode())
    assert " checked" in box


@pytest.mark.sql("new")
def test_date_of_a_row_is_corrected_in_the_order_of_its_list(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, "First name\tLast name\tBirthday\nAda\tLove\t12/31/1990\nBen\tHope\t3/4/91\n")
    batch = only_batch()
    assert batch.date_order == "month-day"  # of the form: day-month
    address = at("row", batch, 3)
    page = as_staff.get(address)
    assert summary_of(page) == ["Enter the year in four digits"]
    assert 'data-date-order="month-day"' in page.content.decode()
    assert "For example 3 7 1991, 03/07/1991 or 7 March 1991" in text(page)
    impossible = as_staff.post(address, {**values_of(page), "date_of_birth": "13/4/1991"})
    assert summary_of(impossible) == ["Date of birth must be a real date, such as 7 March 1991"]
    assert values_of(impossible)["date_of_birth"] == "13/4/1991"
    elsewhere = as_staff.post(address, {**values_of(page), "date_of_birth": "3/4/1991", "last_name": ""})
    assert values_of(elsewhere)["date_of_birth"] == "3/4/1991"  # as it was typed
    assert 'data-date-order="month-day"' in elsewhere.content.decode()
    twice = as_staff.post(address, {**values_of(page), "date_of_birth": ["3/4/1991", "5/4/1991"]})
    assert twice.status_code == 200
    assert as_staff.post(address, {**values_of(page), "date_of_birth": "3/4/1991"}).status_code == 303
    assert row_of(batch, 3).values["date_of_birth"] == "1991-03-04"
    assert warning_codes(batch, 3) == ["no_matching_identity"]


def test_row_is_left_out_from_its_page(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = checked_batch(staff, people(1))
    assert "Leave this row out" in text(as_staff.get(at("row", batch, 2)))
    as_staff.post(at("leave_out", batch), {"number": "2"})
    assert "Leave this row out" not in text(as_staff.get(at("row", batch, 2)))


@pytest.mark.parametrize(
    ("header", "value", "prefix", "name"),
    [
        ("Email", "one{}@example.com", "emails", "Email addresses"),
        ("Phone", "+3538512345{:02}", "phone_numbers", "Phone numbers"),
    ],
)
def test_person_with_more_values_than_the_form_has_rows_for_keeps_all_of_them(
    header: str, value: str, prefix: str, name: str, as_staff: Client, sandbox: SandboxServer
) -> None:
    error = f"Enter at most 20 {name.lower()}"
    given = [value.format(number) for number in range(MAX_COLUMNS - 2)]
    headers = ["First name", "Last name", *(f"{header} {number}" for number in range(1, len(given) + 1))]
    table = ["\t".join(headers), "\t".join(["Ada", "Kingsley", *given])]
    assert paste(as_staff, "\n".join(table)).status_code == HTTPStatus.SEE_OTHER
    listed = text(as_staff.get(at("batch", only_batch())))
    assert f"First name, Last name, {name} ({len(given)} columns)" in listed
    page = as_staff.get(at("row", only_batch(), 2))
    assert summary_of(page) == [error]
    shown = _of_list(page, prefix)
    assert "; ".join(shown).split("; ") == given
    again = as_staff.post(at("row", only_batch(), 2), {**values_of(page), "then": "list"})
    assert summary_of(again) == [error]
    assert _of_list(again, prefix) == shown


def test_value_that_a_list_of_the_form_does_not_have_stays_an_error_until_a_person_changes_it(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    headers, person = TABLE.splitlines()[:2]
    paste(as_staff, f"{headers}\tTitle\tGender\tCountry\n{person}\tVizier\tdivers\tAtlantis")
    errors = [
        "Choose a title from the list",
        "Choose a gender from the list",
        "Choose a country from the list",
    ]
    row = at("row", only_batch(), 2)
    page = as_staff.get(row)
    assert summary_of(page) == errors
    for _save in range(2):
        given = on_page(page)
        assert [given[name] for name in ("title", "gender", "country")] == ["Vizier", "divers", "Atlantis"]
        page = as_staff.post(row, {**given, "then": "list"})
        assert summary_of(page) == errors
    as_staff.post(row, {**given, "title": "", "gender": "", "country": "", "then": "list"})
    assert states(only_batch()) == ["ready"]


def _of_list(page: Any, prefix: str) -> list[str]:
    """The values of the rows of a list, as the page shows them."""
    return [value for name, value in values_of(page).items() if re.fullmatch(f"{prefix}-[0-9]+-value", name)]


def test_person_with_more_identifiers_than_the_form_has_rows_for_keeps_all_of_them(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    pairs = [(f"Club {number}", f"C-{number}") for number in range(410)]
    batch = batch_of(staff, [{**posted(order=""), **identifier_rows(pairs)}])
    check.check_batch(batch, client=get_client())
    page = as_staff.get(at("row", batch, 2))
    assert summary_of(page) == ["Choose the provider of this identifier"]
    shown = values_of(page)
    assert [shown[f"identifiers-{number}-id"] for number in range(399)] == [one for _, one in pairs[:399]]
    assert shown["identifiers-399-id"] == "; ".join(f"{provider} {one}" for provider, one in pairs[399:])


@pytest.mark.parametrize(
    "names",
    [
        ["phone_numbers-1-value"],
        ["identifiers-1-provider"],
        ["identifiers-0-id", "identifiers-1-id"],
    ],
)
def test_lost_value_in_a_list_is_an_error_at_its_own_row(
    as_staff: Client, staff: User, sandbox: SandboxServer, names: list[str]
) -> None:
    """The form would accept the value."""
    batch = batch_of(staff, [{**posted(order=""), **dict.fromkeys(names, "#REF!")}])
    check.check_batch(batch, client=get_client())
    page = as_staff.get(at("row", batch, 2)).content.decode()
    invalid = [tag for tag in re.findall(r"<(?:input|select)[^>]*>", page) if 'aria-invalid="true"' in tag]
    assert [re.findall(r'name="([^"]+)"', tag) for tag in invalid] == [[name] for name in names]
    for name in names:
        assert page.count(f'<a href="#id_{name}">') == 1


def test_lines_of_a_cell_are_shown_apart_and_the_row_keeps_its_error_until_it_is_saved(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    """A browser removes the line breaks of the values of inputs."""
    numbers = {
        "phone_numbers-TOTAL_FORMS": "1",
        "phone_numbers-0-value": "085 123 4567\r\n086 765 4321\n",
        "identifiers-TOTAL_FORMS": "1",
        "identifiers-0-provider": "CRM",
        "identifiers-0-id": "A1\nB2",
    }
    names = {"first_name": "Anna\nMaria", "last_name": "Roe \n Doe"}
    batch = batch_of(staff, [{**posted(people(1)[0], order=""), **numbers, **names}])
    check.check_batch(batch, client=get_client())
    page = as_staff.get(at("row", batch, 2))
    assert summary_of(page) == ["Remove the line breaks and control characters"] * 3
    values = values_of(page)
    assert not any(character in value for value in values.values() for character in "\r\n")
    assert (values["first_name"], values["last_name"]) == ("Anna Maria", "Roe Doe")
    assert values["phone_numbers-0-value"] == "085 123 4567, 086 765 4321"
    assert values["identifiers-0-id"] == "A1 B2"
    assert states(batch) == ["attention"]
    assert row_of(batch, 2).values["first_name"] == "Anna\nMaria"


def test_row_of_a_stopped_list_leads_to_the_list_which_says_why(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    control.stop(batch, actor=acting(staff))
    page = as_staff.get(at("row", batch, 2), follow=True)
    assert page.redirect_chain == [(at("batch", batch), 302)]
    assert "The list was stopped: its rows cannot be changed." in text(page)
    discarded = checked_batch(staff, people(1, first=1))
    control.stop(discarded, actor=acting(staff))
    page = as_staff.get(at("row", discarded, 2), follow=True)
    assert "The list was discarded: its rows cannot be changed." in text(page)


@pytest.mark.sql("new")
def test_row_of_an_erased_list_leads_to_the_list_which_says_why(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(1))
    batch.rows.update(state=OwnState.LEFT_OUT, encrypted_values=b"")
    Batch.objects.update(erased_at=clock.now())
    page = as_staff.get(at("row", batch, 2), follow=True)
    assert page.redirect_chain == [(at("batch", batch), 302)]
    assert "The personal data of this list were deleted." in text(page)


@pytest.mark.sql("new")
def test_row_that_comes_back_after_the_session_overwrites_nothing_that_was_stored_meanwhile(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(1))
    address = at("row", batch, 2)
    values = values_of(as_staff.get(address))
    visitor = Client()
    visitor.post(address, {**values, "first_name": "Late"})
    as_staff.post(address, {**values, "first_name": "Early"})
    visitor.post(reverse("account_login"), {"login": staff.username, "password": PASSWORD})
    back = values_of(visitor.get(address))
    assert back["first_name"] == "Late"
    answer = visitor.post(address, {**back, "entry_of": values["entry_of"]})
    assert (answer.status_code, "The row had changed meanwhile" in text(answer)) == (409, True)
    assert row_of(batch, 2).values["first_name"] == "Early"


@pytest.mark.sql("new")
def test_page_with_errors_overwrites_nothing_that_was_stored_meanwhile(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(1))
    address = at("row", batch, 2)
    values = values_of(as_staff.get(address))
    as_staff.post(address, {**values, "first_name": "Early"})
    wrong = as_staff.post(address, {**values, "last_name": ""})
    answer = as_staff.post(address, {**values_of(wrong), "last_name": "Late"})
    assert answer.status_code == 409
    assert row_of(batch, 2).values["first_name"] == "Early"


@pytest.mark.sql("new")
def test_release_says_that_the_row_waits_for_the_confirmation(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    store(staff, Outcome.CREATED, people(1)[0])
    batch = batch_of(staff, people(1))
    check.check_batch(batch, client=get_client())
    page = as_staff.get(at("row", batch, 2))
    assert "Make this row ready to be sent again" in text(page)
    values = {"reason": "another_person", "earlier": str(row_of(batch, 2).earlier)}
    answer = as_staff.post(at("release", batch, 2), values, follow=True)
    assert states(batch) == ["ready"]
    assert "Row 2 is ready. It is sent once you confirm the list." in text(answer)


def _discarded(batch: Batch, person: User) -> None:
    control.stop(batch, actor=acting(person))


def _stopped(batch: Batch, person: User) -> None:
    control.confirm(batch, shown=shown_rows(batch), actor=acting(person), client=get_client())
    control.stop(batch, actor=acting(person))


def _sent(batch: Batch, person: User) -> None:
    confirmation = shown_rows(batch)
    control.confirm(batch, shown=confirmation, actor=acting(person), client=get_client())
    take_turn(batch)


def _erased(batch: Batch, _person: User) -> None:
    batch.rows.update(state=OwnState.LEFT_OUT, encrypted_values=b"")
    Batch.objects.update(erased_at=clock.now())


def _is_closed(page: Any) -> None:
    """Nothing is offered or demanded any more, and what was typed is not left without a question."""
    content = page.content.decode()
    assert 'data-warn-before-leaving="unsaved"' in content
    assert "action-bar" not in content
    [pressed_by_enter] = re.findall("<button[^>]+default-button[^>]*>", content)
    assert " disabled" in pressed_by_enter
    assert "Error: " not in content
    assert "data-error-summary" not in content
    assert "invalid-feedback" not in content
    assert "Leave this row out" not in content


ENDS = [
    (_discarded, "The list was discarded", "make a new list of them"),
    (_stopped, "The list was stopped", "make a new list of them"),
    (_sent, "This row was sent", "Its state is now: Created."),
    (_erased, "The personal data of this list were deleted", "copy what you still need"),
]


@pytest.mark.sql("new")
@pytest.mark.parametrize(("end", "title", "advice"), ENDS)
def test_correction_that_comes_too_late_is_shown_with_the_reason(
    as_staff: Client, staff: User, sandbox: SandboxServer, end: Any, title: str, advice: str
) -> None:
    batch = checked_batch(staff, people(1))
    values = values_of(as_staff.get(at("row", batch, 2)))
    end(batch, staff)
    for typed in ("Typed", ""):  # also if it has errors
        answer = as_staff.post(at("row", batch, 2), {**values, "first_name": typed, "last_name": "Late"})
        assert answer.status_code == 409
        assert title in text(answer)
        assert advice in text(answer)
        assert values_of(answer)["first_name"] == typed
        assert values_of(answer)["last_name"] == "Late"
        _is_closed(answer)
    assert (row_of(batch, 2).values or {}).get("last_name") != "Late"


@pytest.mark.sql("new")
@pytest.mark.parametrize(("end", "title", "advice"), ENDS)
def test_correction_after_the_session_that_comes_too_late_is_shown_as_well(
    as_staff: Client, staff: User, sandbox: SandboxServer, end: Any, title: str, advice: str
) -> None:
    batch = checked_batch(staff, people(1))
    address = at("row", batch, 2)
    values = values_of(as_staff.get(address))
    visitor = Client()
    visitor.post(address, {**values, "last_name": "Late"})
    end(batch, staff)
    visitor.post(reverse("account_login"), {"login": staff.username, "password": PASSWORD})
    back = visitor.get(address)
    assert title in text(back)
    assert "Save it again" not in text(back)
    assert values_of(back)["last_name"] == "Late"
    _is_closed(back)


@pytest.mark.sql("new")
def test_row_of_a_stopped_list_is_not_to_be_confirmed_or_released_when_its_correction_comes_too_late(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    sent, unlike_others = people(2)
    store(staff, Outcome.CREATED, sent)
    batch = batch_of(staff, [sent, replace(unlike_others, emails=())])
    check.check_batch(batch, client=get_client())
    asked = {2: "Make this row ready to be sent again", 3: "Correct the row below, or confirm it in the list"}
    addresses = {number: at("row", batch, number) for number in asked}
    values = {number: values_of(as_staff.get(addresses[number])) for number in asked}
    for number, words in asked.items():
        assert words in text(as_staff.get(addresses[number]))
    control.stop(batch, actor=acting(staff))
    assert states(batch) == ["already_sent", "attention"]
    for number, words in asked.items():
        answer = as_staff.post(addresses[number], {**values[number], "last_name": "Late"})
        assert (answer.status_code, "The list was discarded" in text(answer)) == (409, True)
        assert words not in text(answer)
        assert "unless you give a reason" not in text(answer)
        _is_closed(answer)
    earlier = str(row_of(batch, 2).earlier)
    without_reason = as_staff.post(at("release", batch, 2), {"earlier": earlier})
    assert (without_reason.status_code, without_reason["Location"]) == (303, at("batch", batch))


@pytest.mark.sql("new")
def test_correction_of_a_released_row_that_comes_too_late_does_not_lead_to_the_earlier_receipt(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    [person] = people(1)
    store(staff, Outcome.CREATED, person)
    batch = checked_batch(staff, [person])
    check.recheck(batch)
    release_row(batch, row_of(batch, 2), ReleaseReason.DELETED_IN_CDP, actor=acting(staff))
    values = values_of(as_staff.get(at("row", batch, 2)))
    control.stop(batch, actor=acting(staff))
    answer = text(as_staff.post(at("row", batch, 2), {**values, "last_name": "Late"}))
    assert "The list was discarded" in answer
    assert "Open the list" in answer
    assert "Open the receipt" not in answer


@pytest.mark.sql("new")
def test_row_whose_number_is_unknown_says_that_the_earlier_row_has_other_details(
    as_staff: Client, staff: User
) -> None:
    [person] = people(1)
    old = batch_of(staff, [person])
    sent_row(old, 2, Outcome.UNKNOWN, person)
    batch = batch_of(staff, [replace(person, last_name="Other")], replaces=old)
    check.recheck(batch)
    shown = text(as_staff.get(at("row", batch, 2)))
    assert "It was sent from the earlier list, with other details." in shown
    assert "It cannot be sent again while the outcome of that submission is not certain." in shown


@pytest.mark.sql("new")
def test_row_whose_earlier_submission_is_stuck_shows_it_as_unknown(as_staff: Client, staff: User) -> None:
    [person] = people(1)
    old = batch_of(staff, [person])
    sent_row(old, 2, Outcome.SENDING, person, deadline=clock.now() - longest_send() - 2 * WORKER_DELAY)
    batch = batch_of(staff, [person], replaces=old)
    check.recheck(batch)
    shown = text(as_staff.get(at("row", batch, 2)))
    panel = shown[shown.index("This row was sent already") :]
    assert str(Outcome.UNKNOWN.label) in panel
    assert str(Outcome.SENDING.label) not in panel
    [row] = read_result(batch, receipt_url=str).rows
    assert row.own[2].endswith(f": {Outcome.UNKNOWN.label}")


@pytest.mark.sql("new")
def test_row_that_is_sent_while_its_correction_is_stored_keeps_what_was_typed(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = checked_batch(staff, people(1))
    values = values_of(as_staff.get(at("row", batch, 2)))
    correct = rows.correct_row

    def meanwhile(*arguments: Any, **options: Any) -> None:
        _sent(batch, staff)
        correct(*arguments, **options)

    monkeypatch.setattr(rows, "correct_row", meanwhile)
    answer = as_staff.post(at("row", batch, 2), {**values, "last_name": "Late"})
    assert (answer.status_code, "This row was sent" in text(answer)) == (409, True)
    assert values_of(answer)["last_name"] == "Late"


def test_row_with_an_error_is_corrected_in_the_form(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, f"{TABLE}{WITHOUT_NAME}\n{WITHOUT_NAME.replace('Cleo', 'Dan').replace('1980', '1985')}")
    batch = only_batch()
    page = as_staff.get(at("batch", batch))
    assert "2 rows have errors" in text(page)
    assert "Correct them here" in text(page)
    assert "The rows that are ready can be sent before." in text(page)
    assert "Ada" not in text(page)  # rows that need attention are shown first
    assert "Ada" in text(as_staff.get(at("batch", batch), {"show": "all"}))
    row = as_staff.get(at("row", batch, 4))
    assert "Enter the last name" in summary_of(row)
    values = values_of(row)
    unchanged = as_staff.post(at("row", batch, 4), values)
    assert "Enter the last name" in summary_of(unchanged)
    answer = as_staff.post(at("row", batch, 4), {**values, "last_name": "Marlowe", "then": "next"})
    assert (answer.status_code, answer["Location"]) == (303, at("row", batch, 5))
    stale = as_staff.post(at("row", batch, 4), {**values, "last_name": "Other", "then": "next"})
    assert stale.status_code == 409
    assert "The row had changed meanwhile" in text(stale)
    assert "Other" in stale.content.decode()
    values = values_of(as_staff.get(at("row", batch, 5)))
    answer = as_staff.post(at("row", batch, 5), {**values, "last_name": "Nakamura", "then": "next"})
    assert answer["Location"] == f"{at('batch', batch)}#rows"
    assert states(batch) == ["ready"] * 4


@pytest.mark.sql("new")
def test_row_that_was_created_is_released_with_a_reason(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    first = confirmed_batch(staff, people(1))
    send_all(first)
    batch = checked_batch(staff, people(1))
    as_staff.post(at("check", batch))
    assert states(batch) == ["already_sent"]
    page = as_staff.get(at("batch", batch))
    assert staff.name in text(page)
    row = as_staff.get(at("row", batch, 2))
    assert "This row was sent already" in text(row)
    earlier = {"earlier": str(row_of(batch, 2).earlier)}
    assert on_page(row)["earlier"] == earlier["earlier"]
    without = as_staff.post(at("release", batch, 2), earlier)
    assert "Choose why the row is sent again" in summary_of(without)
    unseen = as_staff.post(at("release", batch, 2), {"reason": "another_person"}, follow=True)
    assert "had changed meanwhile" in text(unseen)
    assert states(batch) == ["already_sent"]
    released = as_staff.post(at("release", batch, 2), {**earlier, "reason": "another_person"})
    assert released.status_code == 303
    assert states(batch) != ["already_sent"]
    assert len(events("batch.row_released")) == 1
    again = as_staff.post(at("release", batch, 2), {"reason": "another_person"}, follow=True)
    assert "had changed meanwhile" in text(again)


def test_row_that_was_created_leads_to_its_receipt(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    send_all(batch)
    submission = Submission.objects.get()
    receipt = reverse("consumers:receipt", args=[submission.public_id])
    assert as_staff.get(at("row", batch, 2))["Location"] == receipt
    assert as_staff.get(at("row", batch, 3)).status_code == 404
    assert as_staff.get(at("row", batch, 2**31)).status_code == 404
