"""Drafts: saved by a script, shown to their author only, never brought back, never overwritten by a page."""

from __future__ import annotations

import datetime as dt
import re
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import Session, User
from apps.accounts.sign_in import session_store
from apps.audit.models import AuditEvent
from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from apps.consumers.models import Draft, OrderReading, Outcome, Submission
from apps.consumers.order_lookup.readings import find_reading
from apps.consumers.sending import submit
from apps.core import clock, personal_data
from apps.core.encryption import MissingKeyError
from apps.privacy.exports import Uncertainty
from apps.privacy.report import Report
from apps.privacy.subjects import of_consumer, of_guest
from apps.privacy.verdicts import Verdict
from sandbox.data.seed import FAMILY_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, clean, create_anyway, on_page, posted, store, text
from tests.support.entries import typed as typed_part
from tests.support.people import PASSWORD, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
FORM_FIELDS = frozenset({"entry_of", "draft"})


class Tab:
    """A page of the form with its script: it counts its saves and follows the answers."""

    def __init__(self, client: Client, query: str = "") -> None:
        self.client = client
        self.page = client.get(f"{NEW}{query}")
        self.form = on_page(self.page)
        self.follow(self.form["draft"])

    def follow(self, mark: str) -> None:
        """Take over a mark from the server."""
        read = DraftMark.read(mark)
        assert read is not None
        self.mark = read

    def save(
        self, changes: dict[str, str] | None = None, *, lost: bool = False, version: int = 0, **more: str
    ) -> Any:
        """Save as the script does. ``lost``: the answer does not arrive. ``version``: a save that is late."""
        self.form |= {**(changes or {}), **more}
        number = version or self.mark.version + 1
        mark = DraftMark(self.mark.public_id, self.mark.page, self.mark.base, number)
        body = {name: value for name, value in self.form.items() if name != "token"}
        answer = self.client.post(f"/consumers/drafts/{mark.public_id}/", {**body, "draft": str(mark)})
        self.mark = mark if number > self.mark.version else self.mark
        if not lost and answer.status_code in (200, 410):
            self.follow(answer.json()["draft"])
        return answer

    def post(self, **changes: str) -> Any:
        """Press Create consumer."""
        return self.client.post(NEW, {**self.form, "draft": str(self.mark), **changes})


def _values() -> list[dict[str, str]]:
    return [draft.values or {} for draft in Draft.objects.filter(is_finished=False).order_by("id")]


def _open(client: Client, draft: uuid.UUID) -> Tab:
    return Tab(client, f"?draft={draft}")


def _open_for(client: Client, draft: uuid.UUID, corrected: Submission) -> Tab:
    return Tab(client, f"?from={corrected.public_id}&draft={draft}")


# --- Saving and opening -------------------------------------------------------------------------------
def test_half_an_entry_comes_back_as_it_was_with_a_new_token(as_staff: Client) -> None:
    tab = Tab(as_staff)
    half = {
        **posted(token=tab.form["token"], date_of_birth="31 2 1991", gender="female", last_name=""),
        "emails-0-value": "half@",
        "paste_text": "Half a row",
    }
    answer = tab.save(half)
    assert answer.status_code == 200
    assert answer.json()["draft"].endswith("/0/1")
    again = _open(as_staff, tab.mark.public_id)
    before, after = typed_part({**tab.form, **half}), typed_part(again.form)
    for name in FORM_FIELDS | {"paste_text"}:
        before.pop(name, None), after.pop(name, None)
    assert after == before
    assert "Half a row" in text(again.page)
    assert again.form["token"] != tab.form["token"]
    assert (again.mark.public_id, again.mark.base) == (tab.mark.public_id, 1)
    assert again.page.context["errors"] == []


def test_what_shows_the_details_of_a_submission_again_is_recorded(as_staff: Client, staff: User) -> None:
    """The list of drafts names the consumer, unless typed over; the draft and a sealed entry show all."""
    one = store(staff, Outcome.REJECTED, clean(first_name="Ida", last_name="Zorn"))
    tab = Tab(as_staff, f"?from={one.public_id}")
    values = {**tab.form, "draft_from": str(one.public_id)}
    tab.save(values)
    before = len(events("submission.viewed"))
    _open(as_staff, tab.mark.public_id)  # without the submission, as when it is corrected no longer
    _open_for(as_staff, tab.mark.public_id, one)
    assert len(events("submission.viewed")) == before + 2
    as_staff.get("/")
    assert len(events("submissions.listed")) == 2  # the latest submissions, and the drafts
    assert events("submissions.listed")[-1].details["rows"] == [str(one.pk)]
    tab.save({**values, "first_name": "Eva", "last_name": "Other"})
    listed = len(events("submissions.listed"))
    as_staff.get("/")
    assert len(events("submissions.listed")) == listed + 1
    gone = Client()
    gone.post(f"{NEW}?from={one.public_id}", on_page(as_staff.get(f"{NEW}?from={one.public_id}")))
    gone.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    before = len(events("submission.viewed"))
    assert "Zorn" in text(gone.get(f"{NEW}?from={one.public_id}"))
    assert len(events("submission.viewed")) == before + 1


@pytest.mark.sql("new")
def test_draft_with_details_of_a_consumer_that_was_read_long_ago_is_in_the_access_report(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    """The reading of the order is deleted after ten minutes; the draft has its details for weeks."""
    as_staff.post("/orders/panel/", {"order_ref": FAMILY_ORDER})
    reading = find_reading(FAMILY_ORDER)
    assert reading is not None
    assert reading.listed is not None
    one = reading.listed.consumers[0]
    tab = Tab(as_staff)
    copying = {"copy": f"consumer:{FAMILY_ORDER}/{one.ref}", "token": tab.form["token"]}
    copied = as_staff.post(NEW, {**posted(clean(last_name="")), **copying, "draft": str(tab.mark)})
    assert on_page(copied)["last_name"] == one.last_name
    tab.save(on_page(copied))
    OrderReading.objects.all().delete()
    for address in (f"{NEW}?draft={tab.mark.public_id}", "/"):
        before = len(events("vendor_record.viewed"))
        assert one.last_name in text(as_staff.get(address))
        [shown] = events("vendor_record.viewed")[before:]
        assert shown.details["result"] == "copied"
        assert shown.details["consumers"] == [one.ref]
        for subject in (of_consumer(one.ref), of_guest(one.guest_ref)):
            entry = next(entry for entry in Report(subject).entries() if entry.event.seq == shown.seq)
            assert (entry.verdict, entry.uncertainty) == (Verdict.POSSIBLE, Uncertainty.COPIED_BEFORE)
    # A page that is saved again still says whose details it has.
    again = _open(as_staff, tab.mark.public_id)
    again.save(first_name="Other")
    assert _values()[0]["carry-from"] == copying["copy"]


@pytest.mark.sql("new")
def test_draft_with_a_key_of_somebody_that_nobody_has_seen_records_nothing(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save({"last_name": "Typed", "carry-from": f"consumer:{FAMILY_ORDER}/{uuid.uuid4()}"})
    _open(as_staff, tab.mark.public_id)
    as_staff.get("/")
    assert events("vendor_record.viewed") == []


@pytest.mark.sql("new")
@pytest.mark.parametrize("name", [f"{FAMILY_ORDER}/\0", "\0/x", f"{FAMILY_ORDER}/a b", "/x", "x/y", "\0"])
def test_draft_with_a_key_that_no_page_wrote_can_be_listed_and_opened(as_staff: Client, name: str) -> None:
    # PostgreSQL refuses NUL, also in a query.
    tab = Tab(as_staff)
    tab.save({"last_name": "Typed", "carry-from": f"consumer:{name}"})
    assert "Typed" in text(as_staff.get("/"))
    assert _open(as_staff, tab.mark.public_id).form["last_name"] == "Typed"
    assert events("vendor_record.viewed") == []


def test_start_page_lists_drafts_with_what_was_typed_and_discards_one(as_staff: Client) -> None:
    first, second = Tab(as_staff), Tab(as_staff)
    first.save(first_name="Ida", last_name="First", order_ref="ORD-1")
    second.save(last_name="Second")
    shown = text(as_staff.get("/"))
    assert shown.index("Second") < shown.index("Ida First")
    assert "ORD-1" in shown
    answer = as_staff.post(f"/consumers/drafts/{first.mark.public_id}/discard/")
    assert (answer.status_code, answer["Location"]) == (303, "/")
    shown = text(as_staff.get("/"))
    assert "The draft was discarded" in shown
    assert "Ida First" not in shown
    assert "Second" in shown


@pytest.mark.sql("new")
@pytest.mark.parametrize("finish", ["sent", "discarded"])
def test_discarding_a_finished_draft_does_not_say_that_nothing_was_sent(
    as_staff: Client, sandbox: SandboxServer, finish: str
) -> None:
    tab = Tab(as_staff)
    tab.save({name: value for name, value in posted().items() if name in tab.form})
    address = f"/consumers/drafts/{tab.mark.public_id}/discard/"
    if finish == "sent":
        assert tab.post().status_code == 303
    else:
        as_staff.post(address)
        as_staff.get("/")
    shown = text(as_staff.post(address, follow=True))
    assert "This draft was sent or discarded." in shown
    assert "The draft was discarded" not in shown


@pytest.mark.sql("new")
def test_drafts_of_more_submissions_than_an_event_names_are_all_recorded(
    as_staff: Client, staff: User, settings: Settings
) -> None:
    settings.DRAFTS_PER_PERSON = 60
    one = store(staff, Outcome.REJECTED, submitted_at=clock.now() - dt.timedelta(days=1))
    shown = _copies(one, range(one.pk + 2, one.pk + 2 + 2 * 51, 2))
    made = []
    for earlier in shown:
        draft = Draft(person=staff, page=uuid.uuid4(), version=1, saved_at=clock.now())
        draft.set_values({"last_name": FULL.last_name, "draft_from": str(earlier.public_id)})
        made.append(draft)
    Draft.objects.bulk_create(made)
    latest = len(events("submissions.listed"))
    assert as_staff.get("/").status_code == 200
    _latest, *listed = [event.details for event in events("submissions.listed")[latest:]]
    assert [one["count"] for one in listed] == [50, 1]
    assert [row for one in listed for row in one["rows"]] == [str(one.pk) for one in shown]


def _copies(one: Submission, pks: Iterable[int]) -> list[Submission]:
    """Submissions of the same consumer, with these primary keys."""
    made = []
    for pk in pks:
        copy = Submission.objects.get(pk=one.pk)
        copy.pk, copy.public_id, copy.token = pk, uuid.uuid4(), uuid.uuid4()
        copy.consumer = FULL
        made.append(copy)
    return Submission.objects.bulk_create(made)


def test_discarding_asks_once_without_a_script(as_staff: Client) -> None:
    Tab(as_staff).save(last_name="Mine")
    shown = text(as_staff.get("/"))
    [confirmation] = re.findall("<details>.*?</details>", shown[shown.index('id="drafts"') :])
    assert '<button type="submit"' in confirmation  # closed at first
    assert "cannot be restored" in confirmation
    assert shown.count('<button type="submit" class="btn btn-secondary btn-sm">Discard draft') == 1


def test_form_counts_the_other_drafts_without_reading_them(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "You have" not in text(as_staff.get(NEW))
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    assert "You have" not in text(_open(as_staff, tab.mark.public_id).page)
    Tab(as_staff).save(last_name="Other")
    monkeypatch.setattr(personal_data, "readable_text", lambda *_: pytest.fail("a draft was decrypted"))
    assert '<a href="/#drafts">You have 2 other drafts</a>' in text(as_staff.get(NEW))


@pytest.mark.sql("new")
def test_drafts_of_a_person_are_counted_by_an_index(staff: User) -> None:
    others = drafts.drafts_of(staff.pk).exclude(public_id=uuid.uuid4())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "draft_unsent_of_person" in others.explain()


def test_draft_of_a_correction_still_corrects_the_same_submission(as_staff: Client, staff: User) -> None:
    rejected = store(staff, Outcome.REJECTED)
    tab = Tab(as_staff, f"?from={rejected.public_id}")
    tab.save(last_name="Corrected", draft_from=str(rejected.public_id))
    [line] = as_staff.get("/").context["drafts"]
    assert line.url == f"{NEW}?from={rejected.public_id}&draft={tab.mark.public_id}"
    before = AuditEvent.objects.count()
    page = as_staff.get(line.url)
    assert on_page(page)["last_name"] == "Corrected"
    assert page.context["earlier"] is not None
    assert AuditEvent.objects.count() == before + 1  # the submission was shown, too


@pytest.mark.sql("new")
@pytest.mark.parametrize("why", ["erased", "created", "not visible", "gone"])
def test_draft_of_a_correction_opens_when_its_submission_can_no_longer_be_corrected(
    as_staff: Client, staff: User, sandbox: SandboxServer, why: str
) -> None:
    rejected = store(staff, Outcome.REJECTED)
    tab = Tab(as_staff, f"?from={rejected.public_id}")
    named = str(uuid.uuid4()) if why == "gone" else str(rejected.public_id)
    tab.form = posted(clean(last_name="Kept"), token=tab.form["token"]) | {"entry_of": tab.form["entry_of"]}
    tab.save(draft_from=named)
    stored = Submission.objects.filter(pk=rejected.pk)
    if why == "erased":
        stored.update(encrypted_consumer=b"")
    elif why == "created":
        stored.update(outcome=Outcome.CREATED, consumer_ref=REF, error_code="", http_status=200)
    elif why == "not visible":
        stored.update(actor=make_person("nora", "staff"))
    [line] = as_staff.get("/").context["drafts"]
    page = as_staff.get(line.url, follow=True)
    assert page.redirect_chain == [(f"{NEW}?draft={tab.mark.public_id}", 303)]
    assert "The submission can no longer be corrected" in text(page)
    assert on_page(page)["last_name"] == "Kept"
    assert page.context["earlier"] is None


@pytest.mark.sql("new")
def test_nothing_about_a_draft_is_recorded_and_nothing_in_it_is_readable(as_staff: Client) -> None:
    tab = Tab(as_staff)
    before = AuditEvent.objects.count()
    tab.save(last_name="Hiddenname", order_ref="Hiddenorder", passport_number="Hiddenpass")
    _open(as_staff, tab.mark.public_id)
    as_staff.post(f"/consumers/drafts/{tab.mark.public_id}/discard/")
    tab = Tab(as_staff)
    tab.save(last_name="Hiddenname", order_ref="Hiddenorder", passport_number="Hiddenpass")
    assert AuditEvent.objects.count() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM consumers_draft")
        rows = [
            bytes(one) if isinstance(one, memoryview) else one for row in cursor.fetchall() for one in row
        ]
    assert b"hidden" not in repr(rows).lower().encode()
    [draft] = Draft.objects.filter(is_finished=False)
    assert "Hiddenname" in personal_data.describe(draft)[0].text
    token = tab.form["token"]
    assert token not in personal_data.describe(draft)[0].text


# --- Two tabs, and answers that do not arrive ---------------------------------------------------------
@pytest.mark.sql("new")
def test_two_tabs_of_one_draft_do_not_overwrite_each_other(as_staff: Client) -> None:
    first = Tab(as_staff)
    first.save(last_name="One")
    second = _open(as_staff, first.mark.public_id)
    assert second.save(last_name="Two").json()["separate"] is False
    answer = first.save(last_name="Three")
    assert answer.json()["separate"] is True
    first.save(last_name="Four")
    second.save(last_name="Five")
    assert [one["last_name"] for one in _values()] == ["Five", "Four"]


@pytest.mark.sql("new")
def test_save_whose_answer_was_lost_makes_no_further_draft(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(lost=True, last_name="One")
    tab.save(lost=True, last_name="Two")
    other = _open(as_staff, tab.mark.public_id)
    other.save(lost=True, last_name="Other")
    other.save(last_name="Other 2")
    for name in ("Three", "Four"):  # of the separate draft, too
        assert tab.save(lost=True, last_name=name).json()["separate"] is True
    tab.save(last_name="Five")
    tab.save(last_name="Six")
    assert [one["last_name"] for one in _values()] == ["Other 2", "Six"]


@pytest.mark.sql("new")
def test_late_save_of_the_same_page_changes_nothing(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="One")
    tab.save(last_name="Two")
    assert tab.save(version=1, last_name="Late").status_code == 200
    assert [one["last_name"] for one in _values()] == ["Two"]


def test_form_that_comes_back_with_errors_goes_on_with_its_draft(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="One")
    page = tab.post(last_name="")
    assert page.context["errors"]
    tab.follow(on_page(page)["draft"])
    tab.save(last_name="Two")
    assert [one["last_name"] for one in _values()] == ["Two"]


# --- Other people -------------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_draft_of_another_person_is_not_found_and_stays(as_staff: Client, as_supervisor: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    theirs = Tab(as_supervisor)
    theirs.mark = tab.mark
    assert theirs.save(last_name="Theirs").status_code == 404
    assert as_supervisor.get(f"{NEW}?draft={tab.mark.public_id}").status_code == 404
    assert as_supervisor.post(f"/consumers/drafts/{tab.mark.public_id}/discard/").status_code == 404
    assert "Mine" not in text(as_supervisor.get("/"))
    assert [one["last_name"] for one in _values()] == ["Mine"]


def test_page_of_another_person_on_a_shared_machine_saves_nothing(
    as_staff: Client, as_supervisor: Client
) -> None:
    left_open = Tab(as_staff)
    left_open.client = as_supervisor  # she has signed in since, in the same browser
    answer = left_open.save(last_name="Theirs")
    assert answer.status_code == 403
    assert answer.json() == {"problem": "Draft not saved: this page was opened by another person"}
    for author in ("", "forged"):
        assert Tab(as_staff).save(entry_of=author).status_code == 403
    assert not Draft.objects.exists()


def test_page_of_another_person_gets_the_same_answer_if_its_csrf_token_is_old(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    left_open = Tab(client)
    client.force_login(make_person("mallory", "staff"))
    answer = left_open.save(last_name="Mine", csrfmiddlewaretoken="a" * 64)
    assert answer.status_code == 403
    assert answer.json() == {"problem": "Draft not saved: this page was opened by another person"}
    assert "sealed_entry" not in client.session


@pytest.mark.sql("new")
def test_save_with_the_csrf_token_of_an_earlier_sign_in_is_refused_and_seals_nothing(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    tab = Tab(client)
    answer = tab.save(last_name="Mine", csrfmiddlewaretoken="a" * 64)
    assert (answer.status_code, answer.json()) == (403, {})  # not a redirect, which the script would retry
    assert "sealed_entry" not in client.session
    assert not Draft.objects.exists()


def test_create_with_the_mark_of_another_persons_draft_leaves_it(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    answer = as_supervisor.post(NEW, {**posted(), "draft": str(tab.mark)})
    assert answer.status_code == 303
    assert [one["last_name"] for one in _values()] == ["Mine"]


def test_administrator_has_no_drafts(as_staff: Client, as_administrator: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    address = f"/consumers/drafts/{tab.mark.public_id}/"
    assert as_administrator.post(address, {"draft": str(tab.mark)}).status_code == 403
    assert as_administrator.get(f"{NEW}?draft={tab.mark.public_id}").status_code == 403
    assert "Drafts" not in text(as_administrator.get("/"))


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_save_for_an_account_that_was_deleted_meanwhile_fails(staff: User) -> None:
    gone = staff.pk
    staff.delete()
    with pytest.raises(IntegrityError):
        drafts.save(DraftMark.new(), {"last_name": "Mine"}, person_id=gone)
    assert not Draft.objects.exists()


@pytest.mark.sql("new")
def test_person_with_drafts_cannot_be_deleted(staff: User) -> None:
    drafts.save(DraftMark.new(), {"last_name": "Mine"}, person_id=staff.pk)
    with pytest.raises(ProtectedError):
        staff.delete()
    assert len(_values()) == 1


# --- The create ---------------------------------------------------------------------------------------
@pytest.mark.sql("new")
@pytest.mark.parametrize("fault", ["", "401", "reset_after"], ids=["created", "rejected", "unknown"])
def test_create_finishes_the_draft_and_a_late_save_does_not_bring_it_back(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    if fault:
        sandbox.sandbox.faults.arm(Armed(fault))
    tab = Tab(as_staff)
    tab.save(posted(token=tab.form["token"]))
    assert tab.post().status_code == 303
    late = tab.save(lost=True)
    assert late.status_code == 410
    assert _values() == []
    assert Draft.objects.get().encrypted_values == b""
    assert late.json()["draft"].partition("/")[0] != str(tab.mark.public_id)
    opened = as_staff.get(f"{NEW}?draft={tab.mark.public_id}")
    assert (opened.status_code, opened["Location"]) == (303, NEW)


@pytest.mark.sql("new")
def test_first_save_that_arrives_after_the_create_is_refused(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    assert tab.post().status_code == 303
    assert tab.save(lost=True).status_code == 410
    assert _values() == []


def test_warning_keeps_the_draft_until_the_consumer_is_created(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    assert as_staff.post(NEW, posted()).status_code == 303
    tab = Tab(as_staff)
    tab.save(posted(token=tab.form["token"]))
    warned = tab.post()
    assert warned.context["warnings"]
    assert on_page(warned)["draft"] == str(tab.mark)
    assert len(_values()) == 1
    assert create_anyway(as_staff, {**tab.form, "draft": str(tab.mark)}).status_code == 303
    assert _values() == []


@pytest.mark.sql("new")
def test_create_that_cannot_be_written_keeps_the_draft(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = Tab(as_staff)
    tab.save(posted(token=tab.form["token"]))

    def lose(*_arguments: Any, **_named: Any) -> None:
        raise DatabaseError("lost")

    monkeypatch.setattr(submit, "record", lose)
    page = tab.post()
    assert page.status_code == 503
    assert on_page(page)["draft"] == str(tab.mark)
    assert not Submission.objects.exists()
    assert len(_values()) == 1


@pytest.mark.sql("new")
def test_create_of_a_tab_finishes_only_what_that_tab_wrote(as_staff: Client, sandbox: SandboxServer) -> None:
    first = Tab(as_staff)
    first.save(last_name="One")
    second = _open(as_staff, first.mark.public_id)
    second.save(last_name="Two")
    first.save(lost=True, last_name="Three")  # a separate draft, which the page does not know of
    first.form |= posted(token=first.form["token"])
    assert first.post().status_code == 303
    assert [one["last_name"] for one in _values()] == ["Two"]


@pytest.mark.sql("new")
@pytest.mark.parametrize("at_the_same_time", [False, True])
def test_entry_that_is_sent_again_leaves_no_draft_of_a_late_save(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, at_the_same_time: bool
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    tab.post()  # the answer is lost
    assert tab.save().status_code == 410
    assert tab.save().status_code == 200
    if at_the_same_time:  # the first look finds nothing yet, and the insert is refused
        looks = mock.Mock(wraps=submit._earlier_submission, side_effect=[None, mock.DEFAULT])
        monkeypatch.setattr(submit, "_earlier_submission", looks)
    assert tab.post().status_code == 303
    assert Submission.objects.count() == 1
    assert _values() == []


def test_entry_that_comes_back_after_sign_in_is_not_a_draft_again_if_it_was_sent(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    tab.post()  # the answer is lost
    as_staff.logout()
    assert tab.post().status_code == 302
    as_staff.post("/accounts/login/", {"login": staff.username, "password": PASSWORD, "next": NEW})
    back = Tab(as_staff)
    assert back.form["last_name"] == FULL.last_name
    assert " data-may-be-sent" in back.page.content.decode()  # then the script takes 410 as "sent"
    assert back.save(lost=True).status_code == 410
    assert back.post().status_code == 303
    assert Submission.objects.count() == 1
    assert _values() == []
    assert " data-may-be-sent" not in as_staff.get(NEW).content.decode()


def test_used_form_keeps_its_draft_so_that_the_next_create_leaves_none(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    tab.post()
    tab.form = posted(clean(), token=tab.form["token"]) | {"entry_of": tab.form["entry_of"]}
    assert tab.save().status_code == 410
    assert tab.save().status_code == 200
    page = tab.post()
    assert page.context["used"]
    tab.form = on_page(page)
    assert tab.form["draft"] == str(tab.mark)
    assert tab.save().status_code == 200
    assert tab.post().status_code == 303
    assert Submission.objects.count() == 2
    assert _values() == []


# --- Limits and expiry --------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_more_drafts_than_the_limit_are_refused_and_none_is_deleted(
    as_staff: Client, settings: Settings
) -> None:
    settings.DRAFTS_PER_PERSON = 2
    tabs = [Tab(as_staff) for _ in range(3)]
    assert [tab.save(last_name="x").status_code for tab in tabs] == [200, 200, 409]
    assert "you have 2 drafts" in tabs[2].save(last_name="y").json()["problem"]
    assert tabs[0].save(last_name="z").status_code == 200
    assert len(_values()) == 2
    as_staff.post(f"/consumers/drafts/{tabs[1].mark.public_id}/discard/")
    assert tabs[2].save(last_name="y").status_code == 200


def test_draft_that_is_too_long_or_could_not_be_shown_is_refused(as_staff: Client) -> None:
    tab = Tab(as_staff)
    assert tab.save(last_name="x" * drafts.MAX_CHARACTERS).status_code == 413
    tab.form["last_name"] = "x"
    assert tab.save({"emails-999-value": "x"}).status_code == 413
    assert not Draft.objects.exists()


@pytest.mark.sql("repeated")
def test_missing_encryption_key_is_an_ordinary_answer(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tab = Tab(as_staff)

    def lose(*_arguments: Any) -> None:
        raise MissingKeyError("key id")

    monkeypatch.setattr(personal_data, "encrypted", lose)
    answer = tab.save(last_name="Typed")
    assert answer.status_code == 503
    assert answer.json()["problem"].startswith("Draft not saved: an encryption key is missing")
    assert "draft_not_saved key_missing" in caplog.text
    assert not Draft.objects.exists()


@pytest.mark.parametrize(
    "mark", ["", "x", "1/2/3/4", "{id}/{id}/0/0", "{id}/{id}/0/9999999999", "{page}/{id}/0/1"]
)
def test_mark_that_is_none_is_refused(as_staff: Client, mark: str) -> None:
    public_id = uuid.uuid4()
    text_of_mark = mark.format(id=public_id, page=uuid.uuid4())
    answer = as_staff.post(f"/consumers/drafts/{public_id}/", {"draft": text_of_mark})
    assert answer.status_code == 400


@pytest.mark.sql("new")
def test_worker_deletes_a_draft_after_its_days_and_a_finished_one_not_before_its_session_ends(
    as_staff: Client, staff: User, settings: Settings
) -> None:
    settings.DRAFT_DAYS, settings.SESSION_ABSOLUTE_SECONDS = 1, 3 * 24 * 3600
    mark = DraftMark(uuid.uuid4(), uuid.uuid4(), 0, 1)
    done = DraftMark.new()
    drafts.save(mark, {"last_name": "Old"}, person_id=staff.pk)
    drafts.finish(done, person_id=staff.pk)
    now = clock.now()
    with time_machine.travel(now + dt.timedelta(hours=23), tick=False):
        assert drafts.delete_expired() == 0
        assert drafts.drafts_of(staff.pk).count() == 1
    with time_machine.travel(now + dt.timedelta(hours=25), tick=False):
        assert drafts.drafts_of(staff.pk).count() == 0  # before a worker runs, too
        assert drafts.find(mark.public_id, staff.pk) is None
        assert drafts.delete_expired() == 1
    assert Draft.objects.get().public_id == done.public_id
    with time_machine.travel(now + dt.timedelta(days=4), tick=False):
        assert drafts.delete_expired() == 1


def test_without_days_there_are_no_drafts(as_staff: Client, settings: Settings) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    settings.DRAFT_DAYS = 0
    page = as_staff.get(NEW)
    assert "draft" not in on_page(page)
    assert "data-drafts" not in page.content.decode()
    assert tab.save(last_name="Again").status_code == 404
    assert as_staff.get(f"{NEW}?draft={tab.mark.public_id}").status_code == 404
    assert "Drafts" not in text(as_staff.get("/"))
    assert drafts.delete_expired() == 1


# --- The session --------------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_saving_does_not_prolong_the_session(as_staff: Client) -> None:
    begin = dt.datetime.now(dt.UTC)
    tab = Tab(as_staff)
    for minutes in (10, 20, 29):
        with time_machine.travel(begin + dt.timedelta(minutes=minutes), tick=False):
            assert tab.save(last_name=f"At {minutes}").status_code == 200
    with time_machine.travel(begin + dt.timedelta(minutes=31), tick=False):
        ended = tab.save(last_name="Too late")
        assert (ended.status_code, ended.json()) == (401, {})
    assert [one["last_name"] for one in _values()] == ["At 29"]
    assert not Session.objects.exists()  # nothing was sealed, and no message left


def test_other_requests_still_prolong_the_session(as_staff: Client) -> None:
    begin = dt.datetime.now(dt.UTC)
    for minutes in (20, 40):
        with time_machine.travel(begin + dt.timedelta(minutes=minutes), tick=False):
            assert as_staff.get(NEW).status_code == 200
    assert session_store.RENEWED_AT in as_staff.session


# --- At the same time ---------------------------------------------------------------------------------
def _at_once(*calls: Callable[[], object]) -> None:
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except drafts.DraftFinished:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_saves_at_the_same_time_leave_the_newest_of_each_page_once(staff: User) -> None:
    for _ in range(5):
        Draft.objects.all().delete()
        public_id, pages = uuid.uuid4(), [uuid.uuid4(), uuid.uuid4()]
        marks = [DraftMark(public_id, page, 0, version) for page in pages for version in (1, 2, 3)]

        def saving(mark: DraftMark) -> Callable[[], object]:
            values = {"last_name": f"{mark.page} {mark.version}"}
            return lambda: drafts.save(mark, values, person_id=staff.pk)

        _at_once(*map(saving, marks))
        assert {one["last_name"] for one in _values()} == {f"{page} 3" for page in pages}
        assert len(_values()) == 2


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_save_at_the_same_time_as_the_create_leaves_nothing(staff: User) -> None:
    for _ in range(10):
        mark = DraftMark(uuid.uuid4(), uuid.uuid4(), 0, 1)

        def finish(mark: DraftMark = mark) -> None:
            with transaction.atomic():
                drafts.finish(mark, person_id=staff.pk)

        def save(mark: DraftMark = mark) -> None:
            drafts.save(mark, {"last_name": "Late"}, person_id=staff.pk)

        _at_once(finish, save, save)
        assert _values() == []
