"""The access report against what was really shown: random work, and each answer searched for each person.

Each person has a last name that occurs nowhere else. After each request the test looks for these names in the
answer (in exports without personal data, for the submission's id). The report of each person must have an
event of each request that showed them: no miss. What it calls "Showed" must have shown them. What it calls
"Could have shown" has a reason and is counted.
"""

from __future__ import annotations

import datetime as dt
import random
import string
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers import searches
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_REJECTED,
)
from apps.consumers.models import DigestKind, Outcome, ResolutionReason, Submission
from apps.consumers.reconciliation import resolution
from apps.consumers.recording import event_of
from apps.consumers.sending import submit
from apps.consumers.sending.warnings import NO_IDENTITY
from apps.core import clock
from apps.history.exports import delivery
from apps.history.forms.export import values_of
from apps.history.models import Export
from apps.privacy.report import Report, Verdict
from apps.privacy.subjects import Subject, of_consumer, of_guest, of_search
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import clean, posted, store
from tests.support.people import TESTS, acting, make_person

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 220
EMPTY = NewConsumer(first_name="", last_name="")
ENDED = {
    Outcome.CREATED: CONSUMER_CREATED,
    Outcome.REJECTED: CONSUMER_REJECTED,
    Outcome.NOT_SENT: CONSUMER_NOT_SENT,
    Outcome.UNKNOWN: CONSUMER_OUTCOME_UNKNOWN,
}


@dataclass(frozen=True)
class Shown:
    """One request: its events, and the submissions whose person the answer really contained."""

    what: str
    first: int
    last: int
    people: frozenset[int]


@dataclass
class Month:
    """Random work, and the truth about each request."""

    chance: random.Random
    clients: dict[str, Client]
    people: dict[str, User]
    submissions: list[Submission] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)

    # --- Submissions -----------------------------------------------------------------------------------
    def consumer(self) -> NewConsumer:
        name = "Q" + "".join(self.chance.choices(string.ascii_lowercase, k=12))
        return clean(
            last_name=name,
            first_name="Ann",
            emails=(f"{name.lower()}@example.com",),
            passport_number=name.upper(),
            date_of_birth=dt.date(1980, 1, 1) + dt.timedelta(days=self.chance.randrange(9000)),
            identifiers=(),
            phone_numbers=(),
        )

    def add(self, submission: Submission, consumer: NewConsumer) -> None:
        self.submissions.append(submission)
        self.names[submission.pk] = consumer.last_name

    def create(self) -> None:
        author, consumer = self.chance.choice(["sam", "sid", "sue"]), self.consumer()
        made = submit.submit(
            order_ref=self.chance.choice([SAMPLE_ORDER, FAMILY_ORDER]),
            consumer=consumer,
            token=uuid.uuid4(),
            actor=acting(self.people[author]),
            client=get_client(),
            accepted=frozenset([NO_IDENTITY]),
        )
        self.add(made, consumer)

    def store(self) -> None:
        author = self.people[self.chance.choice(["sam", "sid", "sue"])]
        outcome = self.chance.choice([*ENDED])
        consumer = self.consumer()
        at = clock.now() - dt.timedelta(days=self.chance.randrange(40))
        ref: dict[str, Any] = {"consumer_ref": str(uuid.uuid4())} if outcome is Outcome.CREATED else {}
        made = store(author, outcome, consumer, submitted_at=at, **ref)
        for event_type in (CONSUMER_CREATE_REQUESTED, ENDED[outcome]):
            with transaction.atomic():
                record(event_of(event_type, made, acting(author)))
        self.add(made, consumer)

    def resolve(self) -> None:
        unknown = Submission.objects.filter(outcome=Outcome.UNKNOWN).first()
        if unknown is not None:
            resolution.resolve(
                unknown,
                outcome=Outcome.NOT_CREATED,
                reason=ResolutionReason.NOT_SEEN_IN_CDP,
                note="",
                actor=acting(self.people["sue"]),
            )

    # --- Requests --------------------------------------------------------------------------------------
    def send(self, what: str, who: str, request: Callable[[Client], Any]) -> Any:
        before = last_event()
        answer = request(self.clients[who])
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.note(what, before, content)
        return answer

    def note(self, what: str, before: int, content: bytes) -> None:
        text = content.decode()
        people = (
            {one.pk for one in self.submissions if self.names[one.pk] in text or str(one.public_id) in text}
            if what == "export"
            else {one.pk for one in self.submissions if self.names[one.pk] in text}
        )
        self.shown.append(Shown(what, before + 1, last_event(), frozenset(people)))

    def reader(self) -> str:
        return self.chance.choice(["sam", "sid", "sue", "sue"])

    def query(self) -> dict[str, Any]:
        chance = self.chance
        query: dict[str, Any] = {
            "period": chance.choice(["all", "all", "last-30-days", "today", "this-week"])
        }
        if chance.random() < 0.4:
            query["outcome"] = chance.sample([one.value for one in Outcome], k=2)
        if chance.random() < 0.2:
            query["person"] = str(self.people["sam"].pk)
        if chance.random() < 0.2:
            query["order"] = SAMPLE_ORDER
        if chance.random() < 0.2:
            query["sort"] = chance.choice(["oldest", "slowest", "fastest"])
        return query

    def list(self) -> None:
        query, who = self.query(), self.reader()
        self.send("list", who, lambda client: client.get(reverse("history:submissions"), query))

    def older(self) -> None:
        last = self.chance.choice(self.submissions)
        key = (last.submitted_at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
        query = {"period": "all", "before": f"{key}-{last.pk}"}
        self.send("list", self.reader(), lambda client: client.get(reverse("history:submissions"), query))

    def search(self) -> None:
        one = self.chance.choice(self.submissions)
        values = {"search-last_name": self.names[one.pk]}
        self.send("list", "sue", lambda c: c.post(reverse("history:submissions"), values, follow=True))

    def start(self) -> None:
        self.send("start", self.reader(), lambda client: client.get("/"))

    def receipt(self) -> None:
        one = self.chance.choice(self.submissions)
        address = reverse("consumers:receipt", args=[one.public_id])
        self.send("receipt", self.reader(), lambda client: client.get(address))

    def next_one(self) -> None:
        one = self.chance.choice(self.submissions)
        name = self.chance.choice(["like", "from"])
        query = {name: str(one.public_id)}
        self.send("form", "sue", lambda client: client.get(reverse("consumers:new"), query))

    def order(self) -> None:
        ref = self.chance.choice([SAMPLE_ORDER, FAMILY_ORDER])
        address = reverse("orders:order", args=[ref])
        self.send("order", self.reader(), lambda client: client.get(address))

    def panel(self) -> None:
        ref, address = self.chance.choice([SAMPLE_ORDER, FAMILY_ORDER]), reverse("consumers:order_panel")
        self.send("panel", self.reader(), lambda client: client.post(address, {"order_ref": ref}))

    def vendor(self) -> None:
        one = self.chance.choice(self.submissions)
        if not one.guest_ref:
            return
        address = self.chance.choice(
            [
                reverse("orders:guest", args=[one.guest_ref]),
                reverse("orders:order_consumer", args=[one.consumer_ref]),
            ]
        )
        self.send("vendor record", self.reader(), lambda client: client.get(address))

    def guests(self) -> None:
        one = self.chance.choice(self.submissions)
        values = {"email": f"{self.names[one.pk].lower()}@example.com"}
        self.send("guests", self.reader(), lambda client: client.post(reverse("orders:guests"), values))

    def warned(self) -> None:
        """An entry with another person's passport number: a supervisor sees the other consumer's values."""
        one = self.chance.choice(self.submissions)
        values = posted(clean(passport_number=self.names[one.pk].upper()), order=one.order_ref)
        self.send("warning", self.reader(), lambda client: client.post(reverse("consumers:new"), values))

    def copied(self) -> None:
        one, address = self.chance.choice(self.submissions), reverse("consumers:new")
        button = self.chance.choice([{"copy-list": "1"}, {"copy": f"submission:{one.public_id}"}])
        values = {**posted(EMPTY), **button}
        self.send("copying", "sue", lambda client: client.post(address, values))

    def carried(self) -> None:
        one = self.chance.choice(self.submissions)
        address = f"{reverse('consumers:new')}?like={one.public_id}"
        self.send("carried", "sue", lambda client: client.post(address, posted(EMPTY)))

    def figures(self) -> None:
        one = self.chance.choice(self.submissions)
        query = {"period": "all", **({"consumer": one.consumer_ref} if one.consumer_ref else {})}
        self.send("figures", "sue", lambda client: client.get(reverse("history:figures"), query))

    def orders_of_guest(self) -> None:
        """The orders of a guest are data of the person, although the page has no name."""
        ref = self.chance.choice(self.submissions).guest_ref
        if not ref:
            return
        address, query = reverse("orders:orders"), {"guest_ref": ref}
        answer = self.send("orders", self.reader(), lambda client: client.get(address, query))
        if "No order found" not in answer.content.decode():
            same = frozenset(one.pk for one in self.submissions if one.guest_ref == ref)
            self.shown[-1] = replace(self.shown[-1], people=same)

    def cancelled(self) -> None:
        """An export that is cancelled before its file is asked for."""
        values = values_of(None, time_zone="UTC") | {"format": "csv", "show_submission": "on"}
        client, before = self.clients["sue"], last_event()
        client.post(f"{reverse('history:export')}?period=all", values)
        export = Export.objects.latest("pk")
        client.post(reverse("history:export_cancel", args=[export.public_id]))
        self.note("cancelled", before, b"")

    def export(self) -> None:
        chance, client = self.chance, self.clients["sue"]
        values = values_of(None, time_zone="UTC") | {"format": chance.choice(["csv", "jsonl"])}
        values["show_submission"] = "on"
        if chance.random() < 0.6:
            values |= {"show_last_name": "on", "reason": "complaint"}
        query = "&".join(
            f"{name}={one}"
            for name, value in self.query().items()
            for one in (value if isinstance(value, list) else [value])
        )
        before = last_event()
        assert client.post(f"{reverse('history:export')}?{query}", values).status_code == 303
        export = Export.objects.latest("pk")
        answer: Any = client.post(reverse("history:export_file", args=[export.public_id]))
        parts = iter(answer.streaming_content)
        if chance.random() < 0.2:  # the reader goes away after the first part
            content = next(parts, b"")
            answer.close()
        else:
            content = b"".join(parts)
        self.note("export", before, content)


def last_event() -> int:
    return AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


@pytest.fixture
def month(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Month:
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0.02)
    roles = {"sam": ("staff",), "sid": ("staff",), "sue": ("supervisor",)}
    people = {name: make_person(name, *given) for name, given in roles.items()}
    accounts.grant_role(person_id=people["sue"].pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    clients = {}
    for name, person in people.items():
        clients[name] = Client(raise_request_exception=True)
        clients[name].force_login(User.objects.get(pk=person.pk))
    return Month(random.Random(19 if connection.vendor == "sqlite" else 91), clients, people)


def work(month: Month) -> None:
    for _ in range(8):
        month.create()
        month.store()
    acts = [
        month.create, month.store, month.store, month.resolve, month.list, month.list, month.list,
        month.older, month.search, month.start, month.receipt, month.receipt, month.next_one, month.order,
        month.panel, month.vendor, month.guests, month.export, month.export, month.warned, month.copied,
        month.carried, month.figures, month.orders_of_guest, month.cancelled,
    ]  # fmt: skip
    for _ in range(STEPS):
        month.chance.choice(acts)()


def subjects_of(month: Month, one: Submission) -> dict[str, Subject]:
    values = {DigestKind.LAST_NAME: month.names[one.pk]}
    search = searches.record_search(values, actor=acting(month.people["sue"]))
    found = {"value": of_search(searches.find(search.public_id))}
    if one.consumer_ref:
        found["consumer"] = of_consumer(one.consumer_ref.upper())
    if one.guest_ref:
        found["guest"] = of_guest(one.guest_ref)
    return found


def test_report_misses_nothing_that_was_shown_and_shows_nothing_that_was_not(month: Month) -> None:
    work(month)
    wrong, doubts, showed, truths = [], Counter[str](), 0, 0
    for one in month.submissions:
        one.refresh_from_db()
        for by, subject in subjects_of(month, one).items():
            assert set(subject.submissions) == {one.pk}
            entries = {entry.event.seq: entry for entry in Report(subject).entries()}
            seen = {seq for seq, entry in entries.items() if entry.verdict is not Verdict.SEARCHED}
            for request in month.shown:
                within = {seq for seq in seen if request.first <= seq <= request.last}
                certain = [seq for seq in within if entries[seq].verdict is Verdict.SHOWED]
                truths += one.pk in request.people
                if one.pk in request.people and not within:
                    wrong.append(f"missed by {by}: {request.what} {request.first}, row {one.pk}")
                if certain and one.pk not in request.people:
                    wrong.append(f"not shown, by {by}: {request.what} {certain}, row {one.pk}")
            showed += sum(entry.verdict is Verdict.SHOWED for entry in entries.values())
            for entry in entries.values():
                assert (entry.verdict is Verdict.POSSIBLE) == (entry.doubt is not None)
                if entry.doubt:
                    doubts[entry.doubt] += 1
    print(f"{len(month.shown)} requests, {truths} showings, {showed} showed, could have: {dict(doubts)}")
    assert wrong == [], wrong
    assert truths > 1_000
    assert 0 < sum(doubts.values()) < showed / 5  # otherwise the report would say little
