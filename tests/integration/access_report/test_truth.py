"""The access report against what was really shown: random work, and each answer searched for each person.

Each person has a last name that occurs nowhere else. After each request the test looks for these names in the
answer (in exports without personal data, for the submission's id). Some people are in Sitecore CDP only:
their names are searched for, too, and their reports are by reference. The report of each person must have an
event of each request that showed them: no miss. What it calls "Showed" must have shown them. What it calls
"Could have shown" has a reason and is counted.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import string
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.batches.changing.rows import correct_row
from apps.batches.models import Batch, RowState
from apps.batches.selectors import rows_in
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.factory import get_client
from apps.consumers import drafts, searches
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_REJECTED,
)
from apps.consumers.copying import consumer_key
from apps.consumers.drafts import DraftMark
from apps.consumers.models import (
    CORRECTABLE_OUTCOMES,
    DigestKind,
    OrderReading,
    Outcome,
    ResolutionReason,
    ShownKey,
    ShownRange,
    Submission,
)
from apps.consumers.reconciliation import resolution
from apps.consumers.recording import event_of
from apps.consumers.sending import submit
from apps.consumers.sending.warnings import NO_IDENTITY
from apps.core import clock
from apps.history.exports import delivery
from apps.history.exports.shown_ranges import close_shown_ranges
from apps.history.forms.export import values_of
from apps.history.models import Export, SavedView
from apps.privacy.exports import Uncertainty
from apps.privacy.index import complete_index
from apps.privacy.report import Report
from apps.privacy.subjects import Subject, of_consumer, of_guest, of_search
from apps.privacy.verdicts import AccessVerdict, ReportLine
from sandbox.data.seed import FAMILY_ORDER, FAULT_ORDERS, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_sending import confirmed_batch, send_all
from tests.support.entries import clean, on_page, posted, store
from tests.support.people import PASSWORD, TESTS, acting, make_person
from tests.support.resolving import AS_CREATED, add_elsewhere, confirm, resolve_url, seen

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 220
LIST_PAGE, RESULT = "list of people", "result of a list"
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
    vendor_only: list[OrderConsumer] = field(default_factory=list)  # the first has the name -1, and so on
    orders: list[str] = field(default_factory=list)  # of these
    batches: list[tuple[str, Batch]] = field(default_factory=list)  # the author's user name, and the list
    drafts: list[tuple[str, str]] = field(default_factory=list)  # the author, and the query that opens it
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

    def add_in_vendor(self) -> None:
        """A person whom another system added: the portal has neither a submission nor a value of them."""
        consumer, order = self.consumer(), self.chance.choice([SAMPLE_ORDER, FAMILY_ORDER])
        self.vendor_only.append(add_elsewhere(consumer, order))
        self.orders.append(order)
        self.names[-len(self.vendor_only)] = consumer.last_name

    # --- Requests --------------------------------------------------------------------------------------
    def send(self, what: str, who: str, request: Callable[[Client], Any]) -> Any:
        before = last_event()
        answer = request(self.clients[who])
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.note(what, before, content)
        return answer

    def note(self, what: str, before: int, content: bytes) -> None:
        text = content.decode()
        people = {key for key, name in self.names.items() if name in text}
        if what in ("export", RESULT):  # it has the receipts, and the cells if they were uploaded
            people |= {one.pk for one in self.submissions if str(one.public_id) in text}
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
        name = self.chance.choice([*self.names.values()])
        values = {"email": f"{name.lower()}@example.com"}
        self.send("guests", self.reader(), lambda client: client.post(reverse("orders:guests"), values))

    def in_vendor(self) -> None:
        one = self.chance.choice(self.vendor_only)
        name, ref = self.chance.choice([("orders:guest", one.guest_ref), ("orders:order_consumer", one.ref)])
        address = reverse(name, args=[ref])
        self.send(name, self.reader(), lambda client: client.get(address))

    def warned_of_vendor(self) -> None:
        """An entry with the passport number of a consumer on the order that the portal did not create."""
        number = self.chance.randrange(len(self.vendor_only))
        consumer = clean(passport_number=self.names[-1 - number].upper())
        values = posted(consumer, order=self.orders[number])
        self.send("warning", self.reader(), lambda client: client.post(reverse("consumers:new"), values))

    # --- Drafts of entries that a submission filled -------------------------------------------------------
    def draft(self) -> None:
        """Correct a submission, or copy its person, and leave the form."""
        one = self.chance.choice(self.submissions)
        one.refresh_from_db()
        who, name = "sue", "from" if one.outcome in CORRECTABLE_OUTCOMES else "like"
        query = {name: str(one.public_id)}
        page = self.send("form", who, lambda client: client.get(reverse("consumers:new"), query))
        assert page.status_code == 200
        form = on_page(page)
        mark = DraftMark.read(form["draft"])
        assert mark is not None
        mark = replace(mark, version=mark.version + 1)
        body = {name: value for name, value in form.items() if name != "token"} | {drafts.FIELD: str(mark)}
        if name == "from":
            body[drafts.EARLIER] = str(one.public_id)
        address = f"/consumers/drafts/{mark.public_id}/"
        assert self.send("save", who, lambda client: client.post(address, body)).status_code == 200
        self.drafts.append((who, f"draft={mark.public_id}"))

    def draft_of_vendor(self) -> None:
        """Copy the details of a consumer whom the portal has no submission of, and leave the form."""
        number, who = self.chance.randrange(len(self.vendor_only)), self.reader()
        order, one = self.orders[number], self.vendor_only[number]
        panel = reverse("consumers:order_panel")
        self.send("panel", who, lambda client: client.post(panel, {"order_ref": order}))
        new = reverse("consumers:new")
        mark = DraftMark.read(on_page(self.send("form", who, lambda client: client.get(new)))["draft"])
        assert mark is not None
        mark = replace(mark, version=mark.version + 1)
        values = {**posted(EMPTY, order=order), drafts.FIELD: str(mark), "copy": consumer_key(order, one.ref)}
        copied = on_page(self.send("copying", who, lambda client: client.post(new, values)))
        assert copied["last_name"] == one.last_name
        body = {name: value for name, value in copied.items() if name != "token"} | {drafts.FIELD: str(mark)}
        address = f"/consumers/drafts/{mark.public_id}/"
        assert self.send("save", who, lambda client: client.post(address, body)).status_code == 200
        self.drafts.append((who, f"draft={mark.public_id}"))

    def sealed(self) -> None:
        """Post an entry after the session has ended, sign in, and open the form without its address."""
        one, who, new = self.chance.choice(self.submissions), "sue", reverse("consumers:new")
        one.refresh_from_db()
        query = {"from" if one.outcome in CORRECTABLE_OUTCOMES else "like": str(one.public_id)}
        form = on_page(self.send("form", who, lambda client: client.get(new, query)))
        visitor = Client(raise_request_exception=True)
        assert visitor.post(new, form).status_code == 302
        visitor.post(reverse("account_login"), {"login": who, "password": PASSWORD})
        self.clients[who] = visitor
        assert self.send("sealed", who, lambda client: client.get(new)).context["was_sealed"]

    def drafted(self) -> None:
        """Open a draft by its link on the start page, or by an address without the corrected submission.

        Sometimes long after the order was read.
        """
        if not self.drafts:
            return
        if self.chance.random() < 0.5:
            OrderReading.objects.all().delete()
        who, query = self.chance.choice(self.drafts)
        start = self.send("start", who, lambda client: client.get("/")).content.decode().replace("&amp;", "&")
        links = [one for one in re.findall(r'href="/consumers/new/\?([^"]+)"', start) if query in one]
        address = f"{reverse('consumers:new')}?{self.chance.choice([query, *links])}"
        self.send("draft", who, lambda client: client.get(address))

    # --- Lists of people ----------------------------------------------------------------------------------
    def list_of_people(self, order: str = SAMPLE_ORDER) -> None:
        """Three people of one list, sent by its author."""
        author = self.people[self.chance.choice(["sam", "sid", "sue"])]
        consumers = [self.consumer() for _ in range(3)]
        batch = confirmed_batch(author, consumers, order=order)
        send_all(batch)
        self.batches.append((author.username, batch))
        for made in Submission.objects.filter(batch=batch.public_id).order_by("pk"):
            assert made.consumer is not None
            self.add(made, made.consumer)

    def corrected_row(self) -> None:
        """A rejected row of a list gets the values of somebody else, and is not sent again.

        The file that is made then has neither its receipt nor its name.
        """
        self.list_of_people(FAULT_ORDERS["404"])
        author, batch = self.batches[-1]
        row = rows_in(batch, [RowState.REJECTED])[1]
        values = {**row.values, "last_name": self.consumer().last_name}
        correct_row(batch, row, values, actor=acting(self.people[author]))
        address = reverse("batches:result", args=[batch.public_id])
        self.send(RESULT, author, lambda client: client.get(address, {"format": "csv"}))

    def listed_people(self) -> None:
        """The page of a list that its author or a supervisor opens, or its result file."""
        if not self.batches:
            return
        author, batch = self.chance.choice(self.batches)
        who = self.chance.choice([author, "sue"])
        name = self.chance.choice(["batch", "batch", "result"])
        address = reverse(f"batches:{name}", args=[batch.public_id])
        query = {"format": "csv"} if name == "result" else {"show": "all"}
        answer = self.send(
            RESULT if name == "result" else LIST_PAGE, who, lambda client: client.get(address, query)
        )
        assert answer.status_code == 200

    # --- Other work of supervisors ------------------------------------------------------------------------
    def resolve_as_created(self) -> None:
        """The portal reads the consumer and shows it beside what was sent; the supervisor confirms."""
        unknown = Submission.objects.filter(outcome=Outcome.UNKNOWN).first()
        if unknown is None or unknown.consumer is None:
            return
        found, client = add_elsewhere(unknown.consumer, unknown.order_ref), self.clients["sue"]
        values = {**AS_CREATED, "created-consumer_ref": found.ref, "seen": ""}

        def enter(client: Client) -> Any:
            return client.post(resolve_url(unknown), {**values, "seen": seen(client, unknown)})

        entered = self.send("evidence", "sue", enter)
        assert entered.status_code == 200
        assert confirm(client, unknown, entered).status_code == 303
        unknown.refresh_from_db()
        assert unknown.consumer_ref == found.ref

    def view(self) -> None:
        """Save a view of the list, or open one; the start page counts those with a number."""
        who = self.reader()
        person = self.people[who]
        views = [*SavedView.objects.filter(owner_id=person.pk).order_by("pk")]
        if not views or self.chance.random() < 0.3:
            query = {"period": "all", "outcome": self.chance.choice(Outcome.values)}
            values = {"name": str(uuid.uuid4()), "warn_above": "1"}
            address = f"{reverse('history:new_view')}?{urlencode(query)}"
            self.send("save view", who, lambda client: client.post(address, values))
            return
        view = self.chance.choice(views)
        query = {**view.query, "view": str(view.public_id)}
        self.send("list", who, lambda client: client.get(reverse("history:submissions"), query))

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

    def export_again(self) -> None:
        """Prepare a past export again, and send it. One with personal data asks for a reason first."""
        made = [*Export.objects.filter(started_at__isnull=False, personal=False).order_by("pk")]
        if not made:
            return
        past = self.chance.choice(made)
        before, client = last_event(), self.clients["sue"]
        assert client.post(reverse("history:export_again", args=[past.public_id])).status_code == 303
        export = Export.objects.latest("pk")
        assert export.pk != past.pk
        answer: Any = client.post(reverse("history:export_file", args=[export.public_id]))
        self.note("export", before, b"".join(answer.streaming_content))


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
        month.add_in_vendor()
    acts = [
        month.create, month.store, month.store, month.resolve, month.list, month.list, month.list,
        month.older, month.search, month.start, month.receipt, month.receipt, month.next_one, month.order,
        month.panel, month.vendor, month.guests, month.export, month.export, month.warned, month.copied,
        month.carried, month.figures, month.orders_of_guest, month.cancelled,
        month.add_in_vendor, month.in_vendor, month.in_vendor, month.warned_of_vendor, month.draft,
        month.drafted, month.drafted, month.resolve_as_created, month.view, month.view, month.export_again,
        month.list_of_people, month.listed_people, month.listed_people, month.listed_people,
        month.draft_of_vendor, month.sealed, month.corrected_row,
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


def of_vendor(one: OrderConsumer) -> dict[str, Subject]:
    assert one.guest_ref
    return {"consumer": of_consumer(one.ref), "guest": of_guest(one.guest_ref.upper())}


NOT_OF_THE_CONSUMER = ("guests", "orders:guest")
"""Requests for a guest of Sitecore CDP: the portal does not know which consumers the guest is."""


def test_report_misses_nothing_that_was_shown_and_shows_nothing_that_was_not(month: Month) -> None:
    work(month)
    assert (complete_index(TESTS).keys, complete_index(TESTS).ranges) == (0, 0)
    _check_reports(month)

    before = ShownKey.objects.count(), ShownRange.objects.count()
    ShownKey.objects.all().delete()
    ShownRange.objects.all().delete()
    done = complete_index(TESTS)
    close_shown_ranges()
    assert done.keys == before[0]
    assert done.ranges >= before[1]
    _check_reports(month)


def _check_reports(month: Month) -> None:
    wrong, uncertainties, showed, truths = list[str](), Counter[str](), 0, 0
    for one in month.submissions:
        one.refresh_from_db()
        for by, subject in subjects_of(month, one).items():
            assert set(subject.submissions) == {one.pk}
            found = list(Report(subject).lines())
            wrong += differences(month.shown, one.pk, by, found)
            truths += sum(one.pk in request.people for request in month.shown)
            showed += sum(line.verdict is AccessVerdict.SHOWED for line in found)
            for line in found:
                assert (line.verdict is AccessVerdict.POSSIBLE) == (line.uncertainty is not None)
                if line.uncertainty:
                    uncertainties[line.uncertainty] += 1
    of_vendors, again = 0, set[Uncertainty | None]()
    for number, other in enumerate(month.vendor_only, start=1):
        for by, subject in of_vendor(other).items():
            requests = [one for one in month.shown if by == "guest" or one.what not in NOT_OF_THE_CONSUMER]
            found = list(Report(subject).lines())
            wrong += differences(requests, -number, by, found)
            again |= {line.uncertainty for line in found}
            of_vendors += sum(-number in request.people for request in requests)
    whats = Counter(one.what for one in month.shown if one.people)
    print(
        f"{len(month.shown)} requests, {truths} showings, {showed} showed, could have: {dict(uncertainties)}"
    )
    print(f"{of_vendors} showings of people in the vendor's records only; requests: {dict(whats)}")
    assert wrong == [], Counter(" ".join(one.split()[:6]) for one in wrong)
    assert truths > 1_000
    assert of_vendors > 100
    assert {"draft", "sealed", "evidence", LIST_PAGE, RESULT} <= {*whats}
    assert Uncertainty.ROW_UNCERTAIN in uncertainties
    assert Uncertainty.COPIED_BEFORE in again
    assert 0 < sum(uncertainties.values()) < showed / 5  # otherwise the report would say little


def differences(requests: Iterable[Shown], person: int, by: str, found: list[ReportLine]) -> list[str]:
    """What a report misses of these requests, and what it says that they showed, but they did not."""
    wrong = []
    lines = {line.event.seq: line for line in found if line.verdict is not AccessVerdict.SEARCHED}
    for request in requests:
        within = {seq for seq in lines if request.first <= seq <= request.last}
        certain = [seq for seq in within if lines[seq].verdict is AccessVerdict.SHOWED]
        if person in request.people and not within:
            wrong.append(f"missed by {by}: {request.what} {request.first}, row {person}")
        if certain and person not in request.people:
            wrong.append(f"not shown, by {by}: {request.what} {certain}, row {person}")
    return wrong
