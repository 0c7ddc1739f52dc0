"""Events of a list name it, and lead to it for readers who may open it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import line
from apps.batches.changing.decisions import accept_warnings
from apps.batches.changing.rows import correct_row
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch
from apps.batches.sending import control
from apps.batches.storing import new_list
from apps.cdp.factory import get_client
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at
from tests.support.batch_rows import batch_of, row_of, shown_rows, shown_warnings, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, take_turn
from tests.support.entries import posted
from tests.support.people import acting, events, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_auditing_supervisor() -> Client:
    client = Client()
    client.force_login(make_person("ana", "auditor", "supervisor"))
    return client


def _page_of(client: Client, action: str) -> str:
    seq = events(action)[-1].seq
    return client.get(reverse("audit:event", args=[seq])).content.decode()


def test_event_page_and_log_lead_to_the_list(
    as_auditing_supervisor: Client, as_administrator: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    take_turn(batch)
    link = f'href="{at("batch", batch)}"'
    log = reverse("audit:log")
    for action in ("batch.confirmed", "consumer.create_requested"):  # of the list, and of its rows
        assert link in _page_of(as_auditing_supervisor, action)
        assert link not in _page_of(as_administrator, action)
    listed = as_auditing_supervisor.get(log, {"action": "batch.confirmed"}).content.decode()
    assert f'{link} title="{batch.public_id}">List {str(batch.public_id)[:8]}…</a>' in listed
    # The object of a row's event is its submission, consumer or order.
    assert link not in as_auditing_supervisor.get(log, {"action": "consumer.created"}).content.decode()
    plain = as_administrator.get(log, {"action": "batch.confirmed"}).content.decode()
    assert link not in plain
    assert ">Order " in plain


def _list_with_a_reason_left(person: User) -> Batch:
    """A list whose row 3 was confirmed as similar to row 2, which was corrected since."""
    one, other, third, fourth = people(4)
    batch = batch_of(person, [one, one, third, fourth])
    check_batch(batch, client=get_client())
    _accept_similar(batch, "same_name")
    correct_row(batch, row_of(batch, 2), posted(other), actor=acting(person))
    assert (row_of(batch, 3).similar_reason, states(batch)) == ("same_name", ["ready"] * 4)
    return batch


def _accept_similar(batch: Batch, reason: str) -> None:
    actor = acting(batch.author)
    accept_warnings(batch, ["similar_row"], reason, shown=shown_warnings(batch), actor=actor)


def _confirmed(batch: Batch) -> AuditEvent:
    control.confirm(batch, shown=shown_rows(batch), actor=acting(batch.author), client=get_client())
    [event] = events("batch.confirmed")
    return event


def test_confirmation_has_no_reason_if_nothing_is_similar_any_more(
    staff: User, sandbox: SandboxServer
) -> None:
    event = _confirmed(_list_with_a_reason_left(staff))
    assert event.details == {"batch": event.details["batch"], "rows": 4}


def test_confirmation_has_the_reason_of_the_rows_that_are_similar(
    staff: User, sandbox: SandboxServer
) -> None:
    batch = _list_with_a_reason_left(staff)
    correct_row(batch, row_of(batch, 5), row_of(batch, 4).values, actor=acting(staff))
    _accept_similar(batch, "family_member")
    event = _confirmed(batch)
    assert (event.details["overridden"], event.details["similar_reason"]) == (
        ["similar_row"],
        "family_member",
    )


def test_event_of_a_new_list_leads_to_the_earlier_one(
    as_auditing_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(1))
    control.stop(batch, actor=acting(staff))
    again = new_list.make_new_list(batch, actor=acting(staff))
    page = _page_of(as_auditing_supervisor, "batch.uploaded")
    assert f'href="{at("batch", batch)}"' in page
    assert f'href="{at("batch", again)}"' in page


def test_event_of_a_denied_list_leads_to_it(
    as_auditing_supervisor: Client, as_staff: Client, sandbox: SandboxServer
) -> None:
    batch = checked_batch(make_person("olga", "staff"), people(1))
    assert as_staff.get(at("batch", batch)).status_code == 403
    assert f'href="{at("batch", batch)}"' in _page_of(as_auditing_supervisor, "access.denied")


def test_log_names_a_denied_list_also_for_readers_who_may_not_open_it(
    as_auditing_supervisor: Client, as_administrator: Client, as_staff: Client, sandbox: SandboxServer
) -> None:
    batch = checked_batch(make_person("olga", "staff"), people(1))
    assert as_staff.get(at("batch", batch)).status_code == 403
    log, named = reverse("audit:log"), f'title="{batch.public_id}">List {str(batch.public_id)[:8]}…<'
    plain = as_administrator.get(log, {"action": "access.denied"}).content.decode()
    assert f"<span {named}/span>" in plain
    assert at("batch", batch) not in plain
    listed = as_auditing_supervisor.get(log, {"action": "access.denied"}).content.decode()
    assert f'<a href="{at("batch", batch)}" {named}/a>' in listed


def test_log_with_an_altered_denial_names_the_list_as_it_stands() -> None:
    denied = AuditEvent(seq=1, action="access.denied", data='{"batch": ["x"]}')
    shown = line(denied, {}, lambda _permission: True)
    assert (shown.object, shown.object_url) == ("List ['x']", "")
