"""Viewing a consumer's personal data records an event.

Each address is named here: those that show such data, with a request that makes them do so, and the others
with the reason why they never do. Both are tested: an answer with personal data must have recorded an event,
and an answer of the others must contain none.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.audit.registry import EventGroup, EventType, event_types
from apps.batches.models import OwnState
from apps.cdp.factory import get_client
from apps.consumers import drafts, identity_rules
from apps.consumers.drafts import DraftMark
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import submit
from apps.privacy import batches, verdicts
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.data.seed_guests import GUEST_WITH_PROFILE
from sandbox.server.sandbox_server import SandboxServer
from tests.support.addresses import ADDRESSES, METHODS
from tests.support.batch_sending import checked_batch, people
from tests.support.entries import FULL, store
from tests.support.export_rows import prepared
from tests.support.history_rows import saved_view
from tests.support.people import TESTS, acting, make_person

pytestmark = pytest.mark.once

SEEN = {
    "batch.viewed",
    "batch.downloaded",
    "submission.viewed",
    "submissions.listed",
    "vendor_record.viewed",
    "vendor_records.searched",
}
"""The events that record a view of personal data."""


@dataclass(frozen=True)
class Records:
    """The records to view: entries of FULL in several states, and a guest of the vendor's."""

    created: Submission
    rejected: Submission
    unknown: Submission
    personal: frozenset[bytes]


Visit = Callable[[Client, Records], HttpResponse]


def _at(name: str, argument: Callable[[Records], object] | None = None) -> Visit:
    def visit(client: Client, records: Records) -> HttpResponse:
        arguments = [argument(records)] if argument else []
        return client.get(reverse(name, args=arguments))  # type: ignore[return-value]  # the client's own class

    return visit


def _corrected(client: Client, records: Records) -> HttpResponse:
    return client.get(reverse("consumers:new"), {"from": str(records.rejected.public_id)})  # type: ignore[return-value]  # as above


def _resolved_with_errors(client: Client, records: Records) -> HttpResponse:
    address = reverse("consumers:resolve", args=[records.unknown.public_id])
    return client.post(address, {"outcome": "created"})  # type: ignore[return-value]  # as above


def _order_beside_form(client: Client, records: Records) -> HttpResponse:
    return client.post(reverse("consumers:order_panel"), {"order_ref": SAMPLE_ORDER})  # type: ignore[return-value]  # as above


def _guests(client: Client, records: Records) -> HttpResponse:
    return client.post(reverse("orders:guests"), {"email": FULL.emails[0]})  # type: ignore[return-value]  # as above


def _empty_note(client: Client, records: Records) -> HttpResponse:
    return client.post(reverse("consumers:note", args=[records.unknown.public_id]))  # type: ignore[return-value]  # as above


def _list_of_another(client: Client, records: Records) -> HttpResponse:
    batch = checked_batch(make_person("olga", "staff"), [FULL])
    return client.get(reverse("batches:batch", args=[batch.public_id]))  # type: ignore[return-value]  # as above


def _result_of_a_list(client: Client, records: Records) -> HttpResponse:
    batch = checked_batch(make_person("rita", "staff"), [FULL])
    row = batch.rows.get()
    row.cells = (FULL.first_name, FULL.last_name)
    row.save()
    address = reverse("batches:result", args=[batch.public_id])
    return client.get(address, {"format": "csv"})  # type: ignore[return-value]  # as above


def _row_that_was_sent(client: Client, records: Records) -> HttpResponse:
    batch = checked_batch(User.objects.get(pk=records.created.actor_id), [FULL])
    batch.rows.update(state=OwnState.ALREADY_SENT, earlier=records.created.public_id)
    return client.get(reverse("batches:row", args=[batch.public_id, 2]))  # type: ignore[return-value]  # as above


SHOWS: dict[str, Visit] = {
    "batches:batch": _list_of_another,
    "batches:result": _result_of_a_list,
    "batches:row": _row_that_was_sent,
    "consumers:note": _empty_note,
    "orders:guests": _guests,
    "consumers:order_panel": _order_beside_form,
    "start": _at("start"),
    "consumers:new": _corrected,
    "history:submissions": _at("history:submissions"),
    "consumers:receipt": _at("consumers:receipt", lambda records: records.created.public_id),
    "consumers:resolve": _resolved_with_errors,
    "orders:order": _at("orders:order", lambda _records: SAMPLE_ORDER),
    "orders:guest": _at("orders:guest", lambda _records: GUEST_WITH_PROFILE),
    "orders:order_consumer": _at("orders:order_consumer", lambda records: records.created.consumer_ref),
}
NO_CONSUMER = {
    "access.denied": "nothing was shown",
    "access_report.exported": "an access report has references only",
    "access_report.viewed": "an access report has references only",
    "audit.event_viewed": "no event has room for personal data",
    "audit.export_failed": "no event has room for personal data",
    "audit.export_started": "no event has room for personal data",
    "audit.exported": "no event has room for personal data",
    "audit.proof_downloaded": "no event has room for personal data",
    "audit.viewed": "no event has room for personal data",
    "export.cancelled": "the end of an export, read with its start",
    "export.failed": "the end of an export, read with its start",
    "export.finished": "the end of an export, read with its start",
    "export.viewed": "what was exported, not its rows",
    "exports.listed": "what was exported, not its rows",
    "limit.reached": "nothing was shown",
    "password_links.shown": "people with an account",
}
"""The events of the groups Views and Exports that show nothing about a consumer, with the reason."""
NO_PERSON = "about the portal and the people who work with it"
OF_A_LIST = "leads back to the list, or shows it again as its page does"
SHOWS_NOTHING = {
    "batches:batches": "orders and counts",
    "batches:new": "says back what the same person has just pasted",
    "batches:columns": "says back what the same person has just uploaded",
    "batches:template": "made-up examples",
    "batches:progress": "counts",
    "batches:release": OF_A_LIST,
    "batches:accept": OF_A_LIST,
    **dict.fromkeys(
        (
            *("batches:check", "batches:leave_out", "batches:take_back", "batches:confirm", "batches:pause"),
            *("batches:resume", "batches:stop", "batches:send_again", "batches:make_new_list"),
        ),
        "leads back to the list",
    ),
    "healthz": "plain text for machines",
    "readyz": "plain text for machines",
    "extend_session": "an answer to a script",
    "account_login": "before anybody is known",
    "account_logout": "leads away",
    "password_link": NO_PERSON,
    "own_profile": NO_PERSON,
    "sign_out_elsewhere": NO_PERSON,
    "own_password": NO_PERSON,
    "status": NO_PERSON,
    "components": "fixed examples",
    "consumers:phone_reading": "says back what the same person has just typed",
    "consumers:set_shortcuts": NO_PERSON,
    "consumers:save_draft": "an answer to a script",
    "consumers:discard_draft": "leads back to the start page",
    "consumers:check_now": "leads back to the receipt",
    "consumers:take": "leads back to the receipt",
    "consumers:release": "leads back to the receipt",
    "consumers:identity_rules": NO_PERSON,
    "consumers:remove_identity_rule": NO_PERSON,
    "consumers:move_identity_rule": NO_PERSON,
    "consumers:restore_identity_rule": NO_PERSON,
    "history:figures": "counts",
    "history:columns": "headings of columns",
    "history:views": "names of views, which the form says are never those of consumers",
    "history:new_view": "filters, without a search for personal data",
    "history:view": "filters, without a search for personal data",
    "history:delete_view": "leads back to the views",
    "history:figures_file": "counts",
    "history:export": "how many there are, and what may be chosen",
    "history:exported": "how many there are, and what was chosen",
    "history:export_progress": "how far it is",
    "history:past_exports": "who exported what; notes are not in it",
    "history:export_again": "leads to an export or its form",
    "history:export_cancel": "leads back to the export",
    "history:export_file": "a file; export.started is recorded before its first byte",
    "orders:orders": "orders have numbers, prices and dates",
    "audit:log": "no event has room for personal data",
    "audit:event": "no event has room for personal data",
}
NEVER = ("accounts:", "audit:", "privacy:")
"""Addresses of these apps show people with an account, or the log, never a consumer."""


@pytest.fixture
def person(transactional_db: None) -> User:
    return make_person("wanda", "supervisor", "administrator")


@pytest.fixture
def records(person: User, sandbox: SandboxServer) -> Records:
    created = submit.submit(
        order_ref=SAMPLE_ORDER, consumer=FULL, token=uuid.uuid4(), actor=acting(person), client=get_client()
    )
    guest = get_client().retrieve_guest(GUEST_WITH_PROFILE)
    personal = {
        FULL.first_name, FULL.last_name, FULL.passport_number, *FULL.emails,
        *(one.id for one in FULL.identifiers), guest.last_name, guest.email,
    }  # fmt: skip
    assert created.outcome == Outcome.CREATED
    return Records(
        created=created,
        rejected=store(person, Outcome.REJECTED),
        unknown=store(person, Outcome.UNKNOWN),
        personal=frozenset(text.encode() for text in personal if text),
    )


def _shown(response: HttpResponse, records: Records) -> bool:
    content = response.getvalue()  # of a file, too
    return any(text in content for text in records.personal)


def test_every_address_is_listed_as_showing_personal_data_or_not() -> None:
    names = {address.name for address in ADDRESSES}
    undecided = {name for name in names if name not in SHOWS and name not in SHOWS_NOTHING}
    assert {name for name in undecided if not name.startswith(NEVER)} == set()
    assert {*SHOWS, *SHOWS_NOTHING} - names == set()
    assert {*SHOWS} & {*SHOWS_NOTHING} == set()


def test_access_report_decides_about_each_event_that_can_show_a_consumer() -> None:
    groups = (EventGroup.VIEWS, EventGroup.EXPORTS)
    showing = {one.name for one in event_types() if one.group in groups} - {*NO_CONSUMER}
    decided = {one.name for one in vars(verdicts).values() if isinstance(one, EventType)}
    assert decided | {*batches.SHOWING} == showing
    assert showing >= SEEN
    assert {*NO_CONSUMER} <= {one.name for one in event_types()}


@pytest.mark.parametrize("name", SHOWS)
def test_view_of_personal_data_records_an_event(name: str, person: User, records: Records) -> None:
    client = Client()
    client.force_login(person)
    before = AuditEvent.objects.order_by("seq").values_list("seq", flat=True).last() or 0
    response = SHOWS[name](client, records)
    assert response.status_code == 200
    assert _shown(response, records), "it shows nothing: is this still the way to it?"
    left = AuditEvent.objects.filter(seq__gt=before, actor_id=str(person.pk), action__in=SEEN)
    assert left.exists()


def _with_a_draft(client: Client, address: str) -> HttpResponse:
    mark = replace(DraftMark.new(), version=1)
    drafts.save(mark, {"last_name": "Somebody"}, person_id=int(client.session["_auth_user_id"]))
    return client.get(f"{address}&draft={mark.public_id}")  # type: ignore[return-value]  # as above


LIKE: dict[str, Callable[[Client, str], HttpResponse]] = {
    "opened": lambda client, address: client.get(address),  # type: ignore[dict-item,return-value]  # as above
    "posted": lambda client, address: client.post(address, {"order_ref": "x"}),  # type: ignore[dict-item,return-value]  # as above
    "draft": _with_a_draft,
}


@pytest.mark.parametrize("way", LIKE)
def test_form_that_names_whom_it_carries_over_from_records_it_once(
    way: str, person: User, records: Records
) -> None:
    client = Client()
    client.force_login(person)
    address = f"{reverse('consumers:new')}?like={records.rejected.public_id}"
    response = LIKE[way](client, address)
    assert f"Carry over from {records.rejected.consumer.first_name}" in " ".join(  # type: ignore[union-attr]  # it has one
        response.content.decode().split()
    )
    viewed = AuditEvent.objects.filter(
        action="submission.viewed", submission=str(records.rejected.public_id), actor_id=str(person.pk)
    )
    assert viewed.count() == 1


@pytest.mark.parametrize("entry", [{}, {"order_ref": "x"}, {"add": "emails"}, {"token": str(uuid.uuid4())}])
def test_form_returned_with_errors_shows_nothing_of_the_earlier_submission(
    entry: dict[str, str], person: User, records: Records
) -> None:
    client = Client()
    client.force_login(person)
    response = client.post(f"{reverse('consumers:new')}?from={records.rejected.public_id}", entry)
    assert response.status_code == 200
    hidden = not any(value in response.content for value in records.personal)
    assert hidden, "Then it has to be recorded, as where the form is asked for"


def test_no_other_address_shows_personal_data(person: User, records: Records) -> None:
    other = make_person("nora", "staff")
    rule = identity_rules.add_rule(name="Rule", provider="Provider", actor=TESTS)
    values = {
        "public_id": records.created.public_id,
        "export_id": prepared(person).public_id,
        "view_id": saved_view(person).public_id,
        "batch_id": checked_batch(person, people(1)).public_id,
        "number": 2,
        "pk": rule.pk,
        "seq": 1,
        "ref": SAMPLE_ORDER,
        "person_id": other.pk,
        "role": "staff",
        "uid": "MQ",
        "token": "not-a-token",
    }
    client, showing, visited = Client(), [], 0
    for address in ADDRESSES:
        if address.name in SHOWS:
            continue
        path = reverse(address.name, kwargs={name: values[name] for name in address.arguments})
        for method in METHODS:
            client.force_login(person)  # signing out is among the addresses
            response = getattr(client, method)(path)
            visited += 1
            if _shown(response, records):
                showing.append(f"{method} {path}")
    assert showing == []
    assert visited >= 40
