"""Whether a list, an order, a search or a warning showed a submission."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.events import Event
from apps.cdp.factory import get_client
from apps.consumers import recording, searches
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED, VENDOR_RECORDS_SEARCHED
from apps.consumers.models import OrderReading, Outcome, Submission
from apps.consumers.reconciliation import evidence
from apps.consumers.sending import submit
from apps.consumers.viewer import Viewer
from apps.core.references import reference_key
from apps.privacy import subjects
from apps.privacy.exports import Uncertainty
from apps.privacy.report import Report
from apps.privacy.verdicts import AccessVerdict
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.access_report import of, verdicts
from tests.support.entries import FULL, clean, posted, store, text
from tests.support.people import acting, events
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.sql("repeated")
def test_list_names_its_rows_exactly(staff: User, supervisor: User) -> None:
    made = [
        store(staff if n % 2 else supervisor, Outcome.REJECTED, clean(last_name=f"N{n}")) for n in range(9)
    ]
    shown = [made[0], made[1], made[4], made[8]]
    recording.record_listed(shown, viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    for one in made:
        assert verdicts(one) == ([(AccessVerdict.SHOWED, None)] if one in shown else [])


@pytest.mark.sql("repeated")
def test_order_with_more_consumers_than_an_event_names_is_an_uncertainty(supervisor: User) -> None:
    refs = [f"c-{number}" for number in range(60)]
    data: dict[str, Any] = {"kind": "order", "result": "found", "shown": 60}
    with transaction.atomic():
        event = Event(VENDOR_RECORD_VIEWED, acting(supervisor), order_ref="o-1", data=data)
        recording.record_shown(event, consumers=refs)
    found = {ref: [one.uncertainty for one in Report(subjects.of_consumer(ref)).lines()] for ref in refs}
    assert (found["c-0"], found["C-49".lower()], found["c-50"]) == ([None], [None], [Uncertainty.MORE_SHOWN])
    assert list(Report(subjects.of_consumer("c-99")).lines()) == []


def guest_search(by: User, result: str, *kinds: str) -> None:
    values = {"email": FULL.emails[0], "identifier": FULL.identifiers[0].id}
    found = recorded(by, **{kind: values[kind] for kind in kinds})
    data: dict[str, Any] = {"kind": "guest", "by": kinds, "result": result, "search": str(found.public_id)}
    with transaction.atomic():
        recording.record_shown(Event(VENDOR_RECORDS_SEARCHED, acting(by), data=data), guests=["g-unknown"])


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("result", "kinds", "verdict"),
    [
        ("found", ["email"], (AccessVerdict.SHOWED, None)),
        ("found", ["email", "identifier"], (AccessVerdict.POSSIBLE, Uncertainty.SEVERAL_VALUES)),
        ("not_found", ["email"], (AccessVerdict.SEARCHED, None)),
    ],
)
def test_search_that_found_a_guest_by_the_value_showed_it(
    supervisor: User, result: str, kinds: list[str], verdict: tuple[AccessVerdict, Uncertainty | None]
) -> None:
    """Also of a guest that the portal did not create, whose reference it cannot know."""
    guest_search(supervisor, result, *kinds)
    search = recorded(supervisor, email=FULL.emails[0])
    found = [*Report(subjects.of_search(searches.find(search.public_id))).lines()]
    [line] = [line for line in found if line.event.action == VENDOR_RECORDS_SEARCHED.name]
    assert (line.verdict, line.uncertainty) == verdict


def test_figures_by_a_search_or_a_reference_could_have_shown_it(
    one: Submission, as_supervisor: Client, supervisor: User
) -> None:
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    figures, search = reverse("history:figures"), recorded(supervisor, passport=FULL.passport_number)
    as_supervisor.get(figures, {"period": "all", "consumer": ref})
    as_supervisor.get(figures, {"period": "all", "consumer": str(uuid.uuid4())})
    as_supervisor.get(figures, {"period": "all", "search": searches.seal(search)})
    as_supervisor.get(figures, {"period": "all"})
    of_ref = [*Report(subjects.of_consumer(ref)).lines()]
    of_value = [*Report(subjects.of_search(searches.find(search.public_id))).lines()]
    viewed = [event.seq for event in events("figures.viewed")]
    counted = (AccessVerdict.POSSIBLE, Uncertainty.COUNTED)
    assert [(one.event.seq, (one.verdict, one.uncertainty)) for one in of_ref] == [(viewed[0], counted)]
    assert [(one.event.seq, one.verdict) for one in of_value if one.uncertainty] == [
        (viewed[0], AccessVerdict.POSSIBLE), (viewed[2], AccessVerdict.POSSIBLE)
    ]  # fmt: skip


@pytest.mark.sql("repeated")
def test_warning_about_values_that_are_not_shown_could_have_shown_them(
    as_staff: Client, supervisor: User, staff: User, sandbox: SandboxServer
) -> None:
    theirs = store(supervisor, Outcome.CREATED)
    page = text(as_staff.post(reverse("consumers:new"), posted(clean(passport_number=FULL.passport_number))))
    assert "Same fields: passport number." in page
    [compared] = events("consumer.compared")
    assert (compared.submission, compared.actor_id) == (str(theirs.public_id), str(staff.pk))
    assert verdicts(theirs) == [(AccessVerdict.POSSIBLE, Uncertainty.COMPARED)]


@pytest.mark.sql("repeated")
def test_warning_about_many_consumers_showed_those_that_it_names(
    as_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    nameless = clean(first_name="TBA", last_name="TBA")
    made = [store(staff, Outcome.CREATED, nameless) for _ in range(12)]
    as_supervisor.post(reverse("consumers:new"), posted(replace(nameless, title="Mr")))
    viewed = [
        [line.verdict for line in of(one).lines() if line.event.action == "submission.viewed"] for one in made
    ]
    assert viewed == [[]] * 2 + [[AccessVerdict.SHOWED]] * 10


def test_guest_of_a_consumer_that_is_shown_is_named(
    as_supervisor: Client, supervisor: User, sandbox: SandboxServer, settings: Any
) -> None:
    """The order page, the panel, copied details and what a resolution is compared with."""
    settings.CDP_RECONCILIATION = True
    token, actor, client = uuid.uuid4(), acting(supervisor), get_client()
    made = submit.submit(order_ref=SAMPLE_ORDER, consumer=FULL, token=token, actor=actor, client=client)
    consumer = client.retrieve_order_consumer(made.consumer_ref)
    assert consumer.guest_ref
    as_supervisor.get(reverse("orders:order", args=[SAMPLE_ORDER]))
    as_supervisor.post(reverse("consumers:order_panel"), {"order_ref": SAMPLE_ORDER})
    recording.record_consumers_shown(SAMPLE_ORDER, [consumer], actor)
    evidence.read_consumer(made, made.consumer_ref, actor=actor, client=client)
    named = [event.details.get("guests", []) for event in events("vendor_record.viewed")]
    assert [consumer.guest_ref in guests for guests in named] == [True] * 4
    OrderReading.objects.all().delete()
    Submission.objects.update(guest_ref="")
    report = Report(subjects.Subject(guests={reference_key(consumer.guest_ref): consumer.guest_ref}))
    assert [line.verdict for line in report.lines()] == [AccessVerdict.SHOWED] * 4
