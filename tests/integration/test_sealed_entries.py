"""An entry that arrives without its session comes back only to the same person."""

from __future__ import annotations

import uuid

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Session, User
from apps.consumers.models import Outcome, Submission
from apps.core.web.sealed_entries import AUTHOR_FIELD, MAX_SEALED
from sandbox.server.sandbox_server import SandboxServer
from tests.support.draft_tabs import Tab
from tests.support.entries import clean, on_page, posted, store, text
from tests.support.people import PASSWORD, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"


def _mark_of(client: Client) -> str:
    """The mark in the form that this client is shown."""
    return str(client.get(NEW).context["entry_of"])


def _entry(mark: str) -> dict[str, str]:
    return {
        AUTHOR_FIELD: mark,
        "last_name": "Keptington",
        "passport_number": "KEPT12345",
        "emails-TOTAL_FORMS": "2",
        "emails-INITIAL_FORMS": "0",
        "emails-1-value": "kept@example.com",
    }


def _sign_in(client: Client, person: User) -> str:
    answer = client.post(
        reverse("account_login"), {"login": person.username, "password": PASSWORD, "next": NEW}
    )
    return str(answer["Location"])


def test_entry_sent_after_the_session_ended_returns_filled_after_sign_in(
    as_staff: Client, staff: User
) -> None:
    mark, visitor = _mark_of(as_staff), Client()
    answer = visitor.post(NEW, _entry(mark))
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={NEW}")
    assert "Nothing was sent" in visitor.get(answer["Location"]).content.decode()
    assert _sign_in(visitor, staff) == NEW
    page = visitor.get(NEW).content.decode()
    assert "Keptington" in page
    assert "KEPT12345" in page
    assert "kept@example.com" in page
    assert not Submission.objects.exists()
    assert "Keptington" not in visitor.get(NEW).content.decode()  # once


def test_forms_of_several_tabs_come_back_one_after_the_other(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    mark, visitor, upload = _mark_of(as_staff), Client(), "/batches/new/"
    table = {AUTHOR_FIELD: mark, "order_ref": "ORD-7", "table": "First name\tLast name\nAda\tTabular\n"}
    for name in ("Firsttab", "Secondtab", "Secondtab"):  # the last one is sent twice
        assert visitor.post(NEW, {**_entry(mark), "last_name": name}).status_code == 302
    page = f"http://testserver{upload}?order=7"
    assert visitor.post(f"{upload}?order=7", table, headers={"Referer": page}).status_code == 302
    assert len(visitor.session["sealed_entries"]) == 3
    _sign_in(visitor, staff)
    second = text(visitor.get(NEW))
    assert "Secondtab" in second
    assert "2 other forms that you sent after your session had ended are stored." in second
    assert f'<a href="{upload}?order=7" target="_blank" rel="noopener">Open the next one<' in second
    uploaded = text(visitor.get(f"{upload}?order=7"))
    assert "Tabular" in uploaded
    assert "Another form that you sent after your session had ended is stored." in uploaded
    assert f'<a href="{NEW}" target="_blank" rel="noopener">Open it<' in uploaded
    first = text(visitor.get(NEW))
    assert "Firsttab" in first
    assert "after your session had ended" not in first
    assert "sealed_entries" not in visitor.session


def test_entry_comes_back_only_with_what_it_corrects(as_staff: Client, staff: User) -> None:
    mark, visitor = _mark_of(as_staff), Client()
    refused = [store(staff, Outcome.REJECTED, clean(first_name=name)) for name in ("One", "Two")]
    pages = [f"{NEW}?from={submission.public_id}" for submission in refused]
    for page, name in zip(pages, ("Firsttab", "Secondtab"), strict=True):
        visitor.post(page, {**_entry(mark), "last_name": name})
    _sign_in(visitor, staff)
    plain = text(visitor.get(NEW))
    assert "Firsttab" not in plain
    assert "Secondtab" not in plain
    assert f'<a href="{pages[1]}" target' in plain
    for page, name in zip(pages, ("Firsttab", "Secondtab"), strict=True):
        assert name in text(visitor.get(page))
    assert "sealed_entries" not in visitor.session


@pytest.mark.parametrize("has_draft", [True, False])
def test_entry_comes_back_when_its_submission_can_no_longer_be_corrected(
    as_staff: Client, staff: User, has_draft: bool
) -> None:
    mark, visitor = _mark_of(as_staff), Client()
    refused = store(staff, Outcome.REJECTED, clean())
    page, target = f"{NEW}?from={refused.public_id}", NEW
    if has_draft:
        draft = Tab(as_staff, f"?from={refused.public_id}")
        draft.save(draft_from=str(refused.public_id))
        page, target = f"{page}&draft={draft.mark.public_id}", f"{NEW}?draft={draft.mark.public_id}"
    visitor.post(page, {**_entry(mark), "last_name": "Latesttyping"})
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref="c-1", error_code="", http_status=200)
    _sign_in(visitor, staff)
    shown = visitor.get(page, follow=True)
    assert shown.redirect_chain == [(target, 303)]
    assert "The submission can no longer be corrected" in text(shown)
    assert "Latesttyping" in text(shown)
    assert "sealed_entries" not in visitor.session


@pytest.mark.parametrize("corrects", [True, False])
def test_entry_comes_back_when_its_draft_does_not_exist_any_more(
    as_staff: Client, staff: User, corrects: bool
) -> None:
    mark, visitor = _mark_of(as_staff), Client()
    target = f"{NEW}?from={store(staff, Outcome.REJECTED, clean()).public_id}" if corrects else NEW
    page = f"{target}{'&' if corrects else '?'}draft={uuid.uuid4()}"
    visitor.post(page, {**_entry(mark), "last_name": "Latesttyping"})
    _sign_in(visitor, staff)
    shown = visitor.get(page, follow=True)
    assert shown.redirect_chain == [(target, 303)]
    assert "You have no such draft" in text(shown)
    assert "Latesttyping" in text(shown)
    assert "sealed_entries" not in visitor.session


def test_entry_comes_back_to_an_address_with_characters_that_browsers_leave_as_they_are(
    as_staff: Client, staff: User
) -> None:
    visitor = Client()
    page = f"{NEW}?order={{A|B}}"
    visitor.post(page, _entry(_mark_of(as_staff)), headers={"Referer": f"http://testserver{page}"})
    _sign_in(visitor, staff)
    assert "Keptington" in text(visitor.get(f"{NEW}?order=%7BA%7CB%7D"))


def test_entries_of_another_person_take_no_room(as_staff: Client, as_supervisor: Client, staff: User) -> None:
    visitor = Client()
    for client in (as_supervisor, as_staff):
        mark = _mark_of(client)
        for number in range(MAX_SEALED):
            entry = {**_entry(mark), "passport_number": f"P{number}"}
            assert visitor.post(NEW, entry).status_code == 302
    assert len(visitor.session["sealed_entries"]) == 2 * MAX_SEALED


def test_entry_that_finds_no_room_stays_on_the_page(as_staff: Client) -> None:
    mark, visitor = _mark_of(as_staff), Client()
    for number in range(MAX_SEALED):
        assert visitor.post(NEW, {**_entry(mark), "passport_number": f"P{number}"}).status_code == 302
    refused = visitor.post(NEW, _entry(mark))
    assert refused.status_code == 429
    assert "stored too many for you already" in text(refused)
    assert "KEPT12345" in text(refused)
    assert len(visitor.session["sealed_entries"]) == MAX_SEALED


def test_entries_of_other_people_are_removed_and_ones_own_comes_back(
    as_staff: Client, as_supervisor: Client, staff: User
) -> None:
    visitor = Client()
    visitor.post(NEW, _entry(_mark_of(as_staff)))
    visitor.post(NEW, {**_entry(_mark_of(as_supervisor)), "last_name": "Foreign"})
    _sign_in(visitor, staff)
    page = text(visitor.get(NEW))
    assert "Keptington" in page
    assert "Foreign" not in page
    assert "sealed_entries" not in visitor.session


def test_sealed_entry_is_not_readable_in_the_session_row(as_staff: Client) -> None:
    visitor = Client()
    visitor.post(NEW, _entry(_mark_of(as_staff)))
    session = Session.objects.get(session_key=visitor.session.session_key)
    readable = str(session.get_decoded()) + session.session_data
    assert "sealed_entries" in readable
    for value in ("Keptington", "KEPT12345", "kept@example.com"):
        assert value not in readable


def test_another_person_who_signs_in_does_not_see_it(as_staff: Client) -> None:
    visitor = Client()
    visitor.post(NEW, _entry(_mark_of(as_staff)))
    _sign_in(visitor, make_person("mallory", "staff"))
    assert "Keptington" not in visitor.get(NEW).content.decode()
    assert "sealed_entries" not in visitor.session


@pytest.mark.parametrize("mark", ["", "1", "1:forged", "eyJ9:1a:b"])
def test_without_a_valid_mark_nothing_is_sealed(mark: str) -> None:
    visitor = Client()
    visitor.post(NEW, _entry(mark))
    assert "sealed_entries" not in visitor.session


def test_form_of_an_older_sign_in_returns_instead_of_a_refusal(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    answer = client.post(NEW, {**_entry(_mark_of(client)), "csrfmiddlewaretoken": "x" * 64})
    assert (answer.status_code, answer["Location"]) == (303, NEW)
    assert "Keptington" in client.get(NEW).content.decode()
    assert not Submission.objects.exists()


def test_form_of_an_older_sign_in_returns_also_if_the_newer_session_has_ended(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    entry = {**_entry(_mark_of(client)), "csrfmiddlewaretoken": "x" * 64}
    Session.objects.all().delete()
    answer = client.post(NEW, entry)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={NEW}")
    assert "Nothing was sent" in text(client.get(answer["Location"]))
    client.handler.enforce_csrf_checks = False
    assert _sign_in(client, staff) == NEW
    assert "Keptington" in text(client.get(NEW))
    assert not Submission.objects.exists()


def test_form_of_another_site_starts_no_session_that_would_replace_the_persons_own(staff: User) -> None:
    """Such a form arrives without cookies. A member of staff could put the token of their own into it."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    mark, sessions = _mark_of(client), Session.objects.count()
    answer = Client(enforce_csrf_checks=True).post(NEW, _entry(mark))
    assert answer.status_code == 403
    assert settings.SESSION_COOKIE_NAME not in answer.cookies
    assert Session.objects.count() == sessions


def test_old_form_without_a_valid_mark_is_refused_and_starts_no_session(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(reverse("account_login"))
    for mark in ("", "forged"):
        assert client.post(NEW, {**_entry(mark), "csrfmiddlewaretoken": "x" * 64}).status_code == 403
    assert not Session.objects.exists()


def test_form_of_another_person_is_refused_with_the_reason_and_seals_nothing(staff: User) -> None:
    """Its author left it open on a shared machine. Sealed, it would be deleted for the person who came."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    entry = {**_entry(_mark_of(client)), "csrfmiddlewaretoken": "x" * 64}
    client.force_login(make_person("mallory", "staff"))
    answer = client.post(NEW, entry)
    assert answer.status_code == 403
    assert "Another person is signed in to the portal in this browser now" in text(answer)
    assert on_page(answer)["last_name"] == "Keptington"  # in a hidden field, as it was sent
    assert "sealed_entries" not in client.session
    client.force_login(staff)
    assert client.post(NEW, entry).status_code == 303
    assert "Keptington" in client.get(NEW).content.decode()


def test_foreign_form_without_csrf_token_is_refused(as_staff: Client, staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    assert client.post(NEW, _entry("")).status_code == 403


def test_post_extends_the_session_and_both_methods_return_the_seconds_left_and_the_end(
    as_staff: Client, staff: User
) -> None:
    User.objects.filter(pk=staff.pk).update(time_zone="Asia/Tokyo")
    with time_machine.travel("2026-06-01T10:00:00Z", tick=False):
        as_staff.force_login(staff)
        assert as_staff.post("/accounts/session/").json() == {"seconds": 1800, "ends_at": "19:30"}
    with time_machine.travel("2026-06-01T10:05:00Z", tick=False):
        for _ in range(2):  # to ask extends nothing
            assert as_staff.get("/accounts/session/").json() == {"seconds": 1500, "ends_at": "19:30"}
        assert as_staff.post("/accounts/session/").json() == {"seconds": 1800, "ends_at": "19:35"}
        assert as_staff.get("/accounts/session/").json() == {"seconds": 1800, "ends_at": "19:35"}
    assert Client().post("/accounts/session/").status_code == 401
    assert Client().get("/accounts/session/").status_code == 401


def test_typing_and_choosing_on_after_the_session_ended_leaves_no_messages_on_the_sign_in_page(
    as_staff: Client,
) -> None:
    mark, visitor = _mark_of(as_staff), Client()
    for view, typed in (
        ("phone_reading", {"number": "+353 1"}),
        ("order_panel", {"order_ref": "ORD-1"}),
        ("set_shortcuts", {"on": "1"}),
    ):
        assert visitor.post(reverse(f"consumers:{view}"), typed).status_code == 401
    assert visitor.post(reverse("extend_session")).status_code == 401
    choice = {**_entry(""), "carry-apply": "1", "carry-nationality": "on"}
    assert visitor.post(NEW, choice, headers={"Portal-Form": "part"}).status_code == 401
    answer = visitor.post(NEW, _entry(mark))
    [message] = visitor.get(answer["Location"]).context["messages"]
    assert str(message).startswith("Your session had ended. Nothing was sent.")


@pytest.mark.parametrize(
    "referer", ["http://[", "http://testserver.evil.example/x", "//", "http://testserver//evil"]
)
def test_forged_form_address_redirects_to_no_other_host(referer: str) -> None:
    answer = Client().post("/accounts/sign-out-elsewhere/", headers={"Referer": referer})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/")


@pytest.mark.sql("new")
def test_entry_that_copies_a_submission_its_author_may_no_longer_see_is_recorded(
    as_staff: Client, staff: User
) -> None:
    """The author sees what they sent a moment ago, and nothing more: it is not lost, and it is in the log."""
    one = store(staff, Outcome.CREATED, clean(last_name="Zorn"))
    copied = {"copy": f"submission:{one.public_id}", AUTHOR_FIELD: _mark_of(as_staff)}
    entry, visitor = on_page(as_staff.post(NEW, {**posted(clean(last_name="")), **copied})), Client()
    assert entry["last_name"] == "Zorn"
    visitor.post(NEW, entry)
    Submission.objects.filter(pk=one.pk).update(actor=make_person("nora", "staff"))
    _sign_in(visitor, staff)
    before = len(events("submission.viewed"))
    page = visitor.get(NEW)
    assert on_page(page)["last_name"] == "Zorn"
    assert [event.submission for event in events("submission.viewed")[before:]] == [str(one.public_id)]
    assert page.context["carry_over"] is None
    # Sealed again, and later saved as a draft: it still says whose details it has.
    assert on_page(page)["carry-from"] == entry["carry-from"]


@pytest.mark.sql("new")
def test_correction_that_opens_without_the_address_of_its_submission_is_recorded(
    as_staff: Client, staff: User
) -> None:
    one = store(staff, Outcome.REJECTED, clean(last_name="Zorn"))
    entry, visitor = on_page(as_staff.get(NEW, {"from": str(one.public_id)})), Client()
    visitor.post(NEW, entry)
    _sign_in(visitor, staff)
    before = len(events("submission.viewed"))
    assert "Zorn" in text(visitor.get(NEW))
    assert [event.submission for event in events("submission.viewed")[before:]] == [str(one.public_id)]
