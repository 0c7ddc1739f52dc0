"""Past exports: who sees them, what they say, and exporting the same again."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT
from apps.audit.models import AuditEvent
from apps.audit.person_limits import Act
from apps.consumers.models import Outcome, RecordedSearch
from apps.history.audit_events import FAILURE_CODE
from apps.history.exports import lifecycle
from apps.history.exports.lifecycle import Choice, FailureCode
from apps.history.forms.filters import SEARCH
from apps.history.models import Export, ExportReason, State
from tests.support import personal_rows
from tests.support.entries import clean, store
from tests.support.export_rows import prepared, stored
from tests.support.people import TESTS, acting, events, make_person

pytestmark = pytest.mark.django_db

LIST = reverse("history:past_exports")
OUTCOMES = (Outcome.CREATED, Outcome.REJECTED)
NOTE = "Marker of the note about Ida"


def page_of(export: Export) -> str:
    return reverse("history:exported", args=[export.public_id])


def text(answer: Any) -> str:
    return " ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split())


def name(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", "", html).split())


def posts_again(client: Client, export: Export) -> bool:
    """Whether the row of the export in the list exports it again with one click."""
    address = reverse("history:export_again", args=[export.public_id])
    return f'<form method="post" action="{address}">' in client.get(LIST).content.decode()


def name_of_link(client: Client, export: Export) -> str:
    """The text of the link to the export among the actions of its row."""
    html = client.get(LIST).content.decode()
    link = re.escape(f'<div class="row-actions"><a href="{page_of(export)}">')
    return name(re.findall(f"{link}(.*?)</a>", html, re.DOTALL)[0])


def finished(person: User, **columns: Any) -> Export:
    return stored(person, State.FINISHED, **{"rows": 3, **columns})


@pytest.fixture
def olga() -> User:
    return make_person("olga", "supervisor")


@pytest.fixture
def with_note(olga: User) -> Export:
    """An export of personal data with a reason and a note."""
    export = finished(olga, personal=True, reason=ExportReason.COMPLAINT, columns=["order_ref", "last_name"])
    export.set_note(NOTE)
    export.save(update_fields=["encrypted_note"])
    return export


def test_list_shows_who_when_filters_rows_reason_and_checksum(
    as_supervisor: Client, olga: User, with_note: Export
) -> None:
    Export.objects.filter(pk=with_note.pk).update(filters=[["Last 30 days", ""], ["Outcome", "Created"]])
    shown = text(as_supervisor.get(LIST))
    for part in (
        olga.name, "(olga)", "Last 30 days", "Outcome: Created", "3 rows", "2 columns",
        "CSV for spreadsheets", "A complaint or a claim", "Finished", "0" * 12,
    ):  # fmt: skip
        assert part in shown
    [event] = events("exports.listed")
    assert event.details == {"count": 1}


def test_list_exports_again_with_one_click_for_those_who_may_export(
    as_supervisor: Client, olga: User
) -> None:
    export, as_auditor = finished(olga), Client()
    as_auditor.force_login(make_person("ari", "auditor"))
    assert posts_again(as_supervisor, export)
    assert not posts_again(as_auditor, export)
    shown = as_auditor.get(LIST)
    assert "Actions" not in text(shown)
    assert "Export again" not in text(shown)


def test_row_whose_export_needs_a_look_first_leads_to_its_page(
    as_supervisor: Client, supervisor: User, olga: User, with_note: Export
) -> None:
    """Another person's search is recorded as the reader's own, and personal columns need a reason."""
    search, own = searched_by(olga), searched_by(supervisor)
    for export in (search, with_note):
        assert not posts_again(as_supervisor, export)
        assert name_of_link(as_supervisor, export).startswith("Export again ")
    assert posts_again(as_supervisor, own)


@pytest.mark.parametrize("state", [State.RUNNING, State.DELIVERING])
def test_row_of_a_running_export_does_not_export_it_again(
    as_supervisor: Client, olga: User, state: State
) -> None:
    export = stored(olga, state)
    assert not posts_again(as_supervisor, export)
    assert name_of_link(as_supervisor, export).startswith("Open ")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_row_of_an_export_that_was_not_completed_exports_it_again(
    as_supervisor: Client, olga: User, state: State
) -> None:
    assert posts_again(as_supervisor, stored(olga, state))


def test_each_button_and_link_of_the_list_says_which_export_it_is_for(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    day = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)
    finished(supervisor, started_at=day)
    finished(olga, started_at=day)
    finished(olga, started_at=day + dt.timedelta(seconds=1), personal=True, reason=ExportReason.COMPLAINT)
    html = as_supervisor.get(LIST).content.decode()
    found = {name(cell) for cell in re.findall(r'<div class="row-actions">(.*?)</div>', html, re.DOTALL)}
    assert found == {
        f"Export again what {supervisor.name} exported, 7 March 2026, 12:00:00",
        f"Export again what {olga.name} exported, 7 March 2026, 12:00:00",
        f"Export again what {olga.name} exported, 7 March 2026, 12:00:01",
    }


@pytest.mark.parametrize("code", [*FailureCode, "unheard_of"])
def test_reader_of_another_persons_failed_export_reads_its_cause_and_no_advice(olga: User, code: str) -> None:
    export, as_auditor = stored(olga, State.FAILED, failure_code=code), Client()
    as_auditor.force_login(make_person("ari", "auditor"))
    html = as_auditor.get(page_of(export)).content.decode()
    panel = name(html.partition("The export failed")[2].partition("Contents")[0])
    assert panel == f"An export of submissions by {olga.name} failed: {FAILURE_CODE.labels.get(code, code)}"


def test_own_export_that_failed_says_what_to_do(as_supervisor: Client, supervisor: User) -> None:
    export = stored(supervisor, State.FAILED, failure_code=FailureCode.ACCESS_ENDED)
    shown = text(as_supervisor.get(page_of(export)))
    assert "Your access or one of your roles was ended" in shown
    assert "The file is incomplete: delete it." in shown


def test_only_started_exports_are_listed_newest_first(as_supervisor: Client, supervisor: User) -> None:
    stored(supervisor, State.READY)
    now = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)
    made = [stored(supervisor, state, started_at=now + dt.timedelta(minutes=number)) for number, state in
            enumerate((State.RUNNING, State.FINISHED, State.FAILED, State.CANCELLED))]  # fmt: skip
    found = re.findall(
        r'href="/submissions/exports/([0-9a-f-]{36})/"><time', as_supervisor.get(LIST).content.decode()
    )
    assert found == [str(export.public_id) for export in reversed(made)]


def test_export_with_a_time_zone_that_this_machine_lacks_is_shown_in_utc(
    as_supervisor: Client, olga: User
) -> None:
    export = finished(olga)
    selection = export.selection | {"asked": {"since": "2026-03-01T00:00:00+00:00"}}
    Export.objects.filter(pk=export.pk).update(time_zone="Europe/Gone", selection=selection)
    for address in (LIST, page_of(export)):
        answer = as_supervisor.get(address)
        assert answer.status_code == 200
        assert "from 2026-03-01 00:00:00 (UTC)" in text(answer)
    assert "Time zone Europe/Gone (not known on this machine, which uses UTC)" in text(answer)


def test_filters_by_person_and_period(as_supervisor: Client, supervisor: User, olga: User) -> None:
    day = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)
    mine, hers = finished(supervisor, started_at=day), finished(olga, started_at=day)
    later = finished(olga, started_at=day + dt.timedelta(days=1))

    def listed(**asked: str) -> set[str]:
        html = as_supervisor.get(LIST, asked).content.decode()
        return set(re.findall(r"/submissions/exports/([0-9a-f-]{36})/", html))

    ids = {name: str(one.public_id) for name, one in (("mine", mine), ("hers", hers), ("later", later))}
    assert listed(person=str(olga.pk)) == {ids["hers"], ids["later"]}
    assert listed(until="2026-03-07") == {ids["mine"], ids["hers"]}
    assert listed(person=str(olga.pk), since="2026-03-08") == {ids["later"]}
    assert events("exports.listed")[-1].details["filters"] == ["since", "person"]
    assert "The last day must not be before" in text(
        as_supervisor.get(LIST, {"since": "2026-03-08", "until": "2026-03-07"})
    )


def test_pages_are_complete_and_cost_the_same_number_of_queries(
    as_supervisor: Client, supervisor: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    moment = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)
    one = finished(supervisor, started_at=moment)
    copies = []
    for number in range(119):
        copy = Export.objects.get(pk=one.pk)
        copy.pk, copy.public_id = None, uuid.uuid4()
        copy.started_at = moment + dt.timedelta(seconds=number // 3)
        copies.append(copy)
    Export.objects.bulk_create(copies)
    address, found = LIST, []
    for _page in range(3):
        with django_assert_max_num_queries(16):
            page = as_supervisor.get(address)
        found += re.findall(r'href="/submissions/exports/([0-9a-f-]{36})/"', page.content.decode())
        address = page.context["older_url"]
    assert address == ""
    newest = Export.objects.order_by("-started_at", "-id").values_list("public_id", flat=True)
    assert found == [str(public_id) for public_id in newest]


# --- Who sees what ------------------------------------------------------------------------------------
def test_supervisors_see_the_note_of_others_and_that_is_recorded(
    as_supervisor: Client, with_note: Export, olga: User
) -> None:
    shown = text(as_supervisor.get(page_of(with_note)))
    assert NOTE in shown
    assert with_note.sha256 in shown
    assert "Last name" in shown
    [event] = events("export.viewed")
    assert (event.details["note"], event.person) == ("yes", str(olga.pk))
    assert not any("Marker" in data for data in AuditEvent.objects.values_list("data", flat=True))


@pytest.mark.sql("repeated")
def test_reader_without_submissions_sees_no_note_and_cannot_export(with_note: Export) -> None:
    client = Client()
    client.force_login(make_person("ada", "administrator"))
    page = client.get(page_of(with_note))
    assert NOTE not in page.content.decode()
    assert "Not shown: it may contain personal data of a consumer." in text(page)
    assert with_note.sha256 in text(page)
    assert "Export again" not in text(page)
    assert events("export.viewed")[-1].details["note"] == "no"
    assert client.get(LIST).status_code == 200
    for name in ("export_file", "export_cancel", "export_again"):
        assert client.post(reverse(f"history:{name}", args=[with_note.public_id])).status_code == 403
    assert client.get(reverse("history:export"), {"again": str(with_note.public_id)}).status_code == 403


@pytest.mark.sql("repeated")
def test_unreadable_note_is_not_recorded_as_shown(as_supervisor: Client, with_note: Export) -> None:
    Export.objects.filter(pk=with_note.pk).update(encrypted_note=b"damaged")
    assert "Note" in text(as_supervisor.get(page_of(with_note)))
    assert [event.details["note"] for event in events("export.viewed")] == ["no"]


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("role", ["supervisor", "auditor", "administrator"])
def test_page_of_another_persons_running_export_asks_for_nothing_that_is_refused(
    role: str, olga: User
) -> None:
    running = stored(olga, State.RUNNING)
    client = Client()
    client.force_login(make_person("rita", role))
    html = client.get(page_of(running)).content.decode()
    assert "The export is running" in html
    assert "data-progress=" not in html
    assert "data-progress-stopped" not in html
    assert html.count(f'href="{page_of(running)}"') == 1
    client.force_login(olga)
    own = client.get(page_of(running)).content.decode()
    assert f'data-progress="{reverse("history:export_progress", args=[running.public_id])}"' in own


@pytest.mark.sql("repeated")
def test_staff_see_no_past_exports(as_staff: Client, with_note: Export) -> None:
    assert as_staff.get(LIST).status_code == 403
    assert as_staff.get(page_of(with_note)).status_code == 403


@pytest.mark.sql("repeated")
def test_own_export_needs_no_event_and_another_persons_cannot_be_cancelled(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    as_supervisor.get(page_of(finished(supervisor)))
    assert events("export.viewed") == []
    running = stored(olga, State.RUNNING)
    assert "Cancel export" not in text(as_supervisor.get(page_of(running)))
    assert as_supervisor.post(reverse("history:export_cancel", args=[running.public_id])).status_code == 404
    running.refresh_from_db()
    assert running.state == State.RUNNING


# --- Again --------------------------------------------------------------------------------------------
def again_link(page: Any) -> str:
    [link] = re.findall(r'href="([^"]*[?&](?:amp;)?again=[^"]*)"', page.content.decode())
    return str(link).replace("&amp;", "&")


def buttons(page: Any) -> list[str]:
    found = re.findall("<button[^>]*>(.*?)</button>", page.content.decode(), re.DOTALL)
    return [re.sub("<[^>]+>", "", label).strip() for label in found]


def earlier(olga: User, sender: User) -> Export:
    """A finished export of two outcomes with 1 row; there are 4 such submissions now, and another."""
    query = "outcome=created&outcome=rejected&period=all"
    choice = Choice("jsonl", ("order_ref", "outcome"), "Asia/Tokyo", ";", byte_order_mark=False)
    export = prepared(olga, choice, query=query, outcomes=OUTCOMES)
    Export.objects.filter(pk=export.pk).update(
        state=State.FINISHED,
        started_at=export.created_at,
        finished_at=export.created_at,
        sha256="0" * 64,
        rows=1,
    )
    for number, outcome in enumerate([*OUTCOMES, *OUTCOMES, Outcome.NOT_SENT]):
        store(sender, outcome, clean(last_name=f"N{number}"))
    export.refresh_from_db()
    return export


def test_form_to_export_again_has_the_same_choices_and_both_numbers_of_rows(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    export = earlier(olga, supervisor)
    page = as_supervisor.get(again_link(as_supervisor.get(page_of(export))))
    html = page.content.decode()
    assert "The earlier export had 1 row" in text(page)
    assert "The file will have 4 rows" in text(page)
    assert re.search(r'value="jsonl"[^>]*checked', html)
    assert 'value="Asia/Tokyo"' in html
    assert re.findall(r'name="show_(\w+)"[^>]*checked', html) == ["order_ref", "outcome"]


@pytest.mark.sql("repeated")
def test_personal_columns_are_chosen_again_and_the_reason_is_not(
    as_supervisor: Client, supervisor: User, with_note: Export
) -> None:
    link = again_link(as_supervisor.get(page_of(with_note)))
    assert "show_last_name" not in as_supervisor.get(link).content.decode()
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    page = as_supervisor.get(link)
    html = page.content.decode()
    assert re.search(r'name="show_last_name"[^>]*checked', html)
    assert not re.search(r'value="complaint"[^>]*selected', html)
    assert NOTE not in html
    assert "Personal data need a reason again." in text(page)


@pytest.mark.sql("repeated")
def test_own_submissions_of_another_person_stay_theirs(as_supervisor: Client, olga: User) -> None:
    export = finished(olga)
    Export.objects.filter(pk=export.pk).update(selection={**export.selection, "everybody": False})
    assert f"person={olga.pk}" in again_link(as_supervisor.get(page_of(export)))


@pytest.mark.sql("repeated")
def test_form_that_shows_another_persons_export_records_each_answer_with_it(
    as_supervisor: Client, olga: User, with_note: Export
) -> None:
    address = again_link(as_supervisor.get(page_of(with_note)))
    before = len(events("export.viewed"))
    assert "The earlier export had 3 rows" in text(as_supervisor.get(address))
    [event] = events("export.viewed")[before:]
    assert (event.details["note"], event.person) == ("no", str(olga.pk))
    assert event.details["export"] == str(with_note.public_id)
    assert "The earlier export had 3 rows" in text(as_supervisor.post(address, {"format": "none"}))
    assert len(events("export.viewed")) == before + 2


@pytest.mark.sql("repeated")
def test_form_records_nothing_of_ones_own_export_nor_if_it_is_not_shown(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    own, hers = (again_link(as_supervisor.get(page_of(finished(one)))) for one in (supervisor, olga))
    before = len(events("export.viewed"))
    assert "The earlier export had 3 rows" in text(as_supervisor.get(own))
    values = {"format": "csv", "time_zone": "UTC", "separator": "comma", "show_order_ref": "on"}
    assert as_supervisor.post(hers, values).status_code == 303
    assert len(events("export.viewed")) == before


@pytest.mark.sql("repeated")
def test_page_of_an_export_records_another_persons_earlier_one_once(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    hers = finished(olga)
    for shown in (finished(supervisor), hers):
        before = len(events("export.viewed"))
        answer = as_supervisor.get(page_of(shown), {"again": str(hers.public_id)})
        assert "The earlier export had 3 rows" in text(answer)
        assert [one.details["export"] for one in events("export.viewed")[before:]] == [str(hers.public_id)]


def searched_by(person: User) -> Export:
    """A finished export of that person whose selection has a search."""
    client = Client()
    client.force_login(person)
    answer = client.post(reverse("history:submissions"), {f"{SEARCH}-last_name": "Searched"})
    query = f"{answer['Location'].partition('?')[2]}&outcome=created&outcome=rejected"
    export = finished(person)
    asked = {"search": str(RecordedSearch.objects.get(person=person).public_id)}
    selection = {**export.selection, "query": query, "asked": asked}
    Export.objects.filter(pk=export.pk).update(selection=selection)
    export.refresh_from_db()
    return export


def test_search_of_another_person_is_recorded_as_ones_own(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    store(supervisor, Outcome.CREATED, clean(last_name="Searched"))
    store(supervisor, Outcome.REJECTED, clean(last_name="Searched"))
    store(supervisor, Outcome.CREATED, clean(last_name="Other"))
    export = searched_by(olga)
    page = as_supervisor.get(page_of(export))
    assert "records it as yours" in text(page)
    assert "again=" not in page.content.decode()
    address = reverse("history:export_again", args=[export.public_id])
    assert as_supervisor.get(address).status_code == 405
    answer = as_supervisor.post(address)
    assert answer.status_code == 303
    form = as_supervisor.get(answer["Location"])
    assert "The file will have 2 rows" in text(form)
    assert "Searched" not in form.content.decode()
    newest = RecordedSearch.objects.latest("pk")
    assert (newest.person_id, RecordedSearch.objects.count()) == (supervisor.pk, 2)
    assert events("submissions.searched")[-1].details["search"] == str(newest.public_id)


def test_erased_search_cannot_be_exported_again(as_supervisor: Client, olga: User) -> None:
    export = searched_by(olga)
    personal_rows.erase(RecordedSearch.objects.get())
    answer = as_supervisor.post(reverse("history:export_again", args=[export.public_id]))
    assert answer.status_code == 409
    assert "the search no longer exists" in text(answer)
    assert len(events("export.viewed")) == 1


def test_event_of_an_export_leads_to_its_page(as_administrator: Client, olga: User) -> None:
    export = prepared(olga)
    lifecycle.start(export, acting(olga))
    shown = as_administrator.get(reverse("audit:log"), {"action": "export.started"}).content.decode()
    named = f'title="{export.public_id}">Export {str(export.public_id)[:8]}…</a>'
    assert f'<a href="{page_of(export)}" {named}' in shown
    assert as_administrator.get(page_of(export)).status_code == 200


@pytest.mark.parametrize("status", [409, 429])
def test_page_that_refuses_to_export_again_is_recorded_with_its_note(
    as_supervisor: Client, olga: User, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    export = searched_by(olga)
    export.set_note(NOTE)
    Export.objects.filter(pk=export.pk).update(
        personal=True, reason=ExportReason.COMPLAINT, encrypted_note=export.encrypted_note
    )
    if status == 409:
        personal_rows.erase(RecordedSearch.objects.get())
    else:
        monkeypatch.setattr("apps.history.views.past_exports.person_limits.allows", lambda *_: False)
    answer = as_supervisor.post(reverse("history:export_again", args=[export.public_id]))
    assert answer.status_code == status
    assert NOTE in answer.content.decode()
    [event] = events("export.viewed")
    assert (event.details["note"], event.person) == ("yes", str(olga.pk))


@pytest.mark.sql("repeated")
def test_one_click_prepares_the_same_export_and_its_page_has_both_numbers_of_rows(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    export = earlier(olga, supervisor)
    assert "Export again" in buttons(as_supervisor.get(page_of(export)))
    page = as_supervisor.post(reverse("history:export_again", args=[export.public_id]), follow=True)
    made = Export.objects.exclude(pk=export.pk).get()
    assert page.redirect_chain == [(f"{page_of(made)}?again={export.public_id}", 303)]
    assert "The earlier export had 1 row." in text(page)
    assert "The file will have 4 rows" in text(page)
    assert "Download" in buttons(page)
    assert (made.state, made.person_id) == (State.READY, supervisor.pk)
    assert made.selection["asked"] == export.selection["asked"] == {"outcomes": ["created", "rejected"]}
    for name in ("format", "columns", "time_zone", "separator", "byte_order_mark", "personal"):
        assert getattr(made, name) == getattr(export, name)
    assert events("export.started") == []


def test_rows_of_an_earlier_export_that_was_not_completed_are_those_of_its_selection(
    as_supervisor: Client, olga: User
) -> None:
    export = stored(olga, State.FAILED, rows=2, rows_expected=9)
    page = as_supervisor.post(reverse("history:export_again", args=[export.public_id]), follow=True)
    assert "The earlier export had 9 rows." in text(page)


@pytest.mark.sql("repeated")
def test_personal_columns_are_not_exported_again_without_the_form(
    as_supervisor: Client, supervisor: User, with_note: Export
) -> None:
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    page = as_supervisor.get(page_of(with_note))
    assert "Export again" not in buttons(page)
    answer = as_supervisor.post(reverse("history:export_again", args=[with_note.public_id]))
    assert answer["Location"] == again_link(page)
    assert Export.objects.count() == 1


@pytest.mark.parametrize("gone", [{"columns": ["outcome", "gone"]}, {"time_zone": "Europe/Gone"}])
def test_choice_that_no_longer_exists_leads_to_the_form(
    as_supervisor: Client, olga: User, gone: dict[str, Any]
) -> None:
    export = finished(olga, **gone)
    answer = as_supervisor.post(reverse("history:export_again", args=[export.public_id]))
    assert f"{reverse('history:export')}?again={export.public_id}" == answer["Location"]
    assert Export.objects.count() == 1


def test_own_submissions_stay_own_for_somebody_who_meanwhile_sees_all(
    as_supervisor: Client, supervisor: User, olga: User
) -> None:
    store(supervisor, Outcome.CREATED, clean(last_name="Own"))
    store(olga, Outcome.CREATED, clean(last_name="Other"))
    export = finished(supervisor)
    Export.objects.filter(pk=export.pk).update(selection={**export.selection, "everybody": False})
    as_supervisor.post(reverse("history:export_again", args=[export.public_id]))
    assert Export.objects.exclude(pk=export.pk).get().rows_expected == 1


@pytest.mark.sql("repeated")
def test_exporting_again_counts_towards_the_limit_of_exports(
    as_supervisor: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = finished(olga)
    monkeypatch.setattr(
        "apps.history.views.past_exports.person_limits.allows", lambda act, _actor: act is not Act.EXPORT
    )
    answer = as_supervisor.post(reverse("history:export_again", args=[export.public_id]))
    assert answer.status_code == 429
    assert "Nothing was exported" in text(answer)
    assert Export.objects.count() == 1


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("again", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_unknown_earlier_export_is_not_found(as_supervisor: Client, again: str) -> None:
    assert as_supervisor.get(reverse("history:export"), {"again": again}).status_code == 404


def test_filters_are_stored_in_words_without_values_of_a_search(
    as_supervisor: Client, supervisor: User
) -> None:
    answer = as_supervisor.post(reverse("history:submissions"), {f"{SEARCH}-last_name": "Searched"})
    query = answer["Location"].partition("?")[2]
    values = {"format": "csv", "time_zone": "UTC", "separator": "comma", "show_order_ref": "on"}
    assert (
        as_supervisor.post(f"{reverse('history:export')}?{query}&outcome=created", values).status_code == 303
    )
    export = Export.objects.get()
    assert ["Outcome", "Created"] in export.filters
    assert ["Last name", "matches a search, whose values are not shown"] in export.filters
