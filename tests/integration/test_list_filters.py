"""The list of submissions: its filters, its exact searches, and the summary above it."""

from __future__ import annotations

import datetime as dt
import logging
import re
import uuid
from base64 import urlsafe_b64encode
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import Session, User
from apps.audit.models import AuditEvent
from apps.cdp.consumers import Identifier
from apps.consumers import recording, searches
from apps.consumers.models import DigestKind, Outcome, RecordedSearch, Submission, SubmissionDigest
from apps.consumers.sending.digests import search_digest
from apps.consumers.viewer import Viewer
from apps.history import selection as selections
from apps.history.views import list as views
from tests.support import personal_rows
from tests.support.entries import clean, resolved_by, store, text
from tests.support.people import events, make_person
from tests.support.searches import recorded, token

pytestmark = pytest.mark.django_db

PAGE = "/submissions/"
NOW = dt.datetime.now(dt.UTC)
OLD = dt.datetime(2020, 3, 7, 12, tzinfo=dt.UTC)
ORDER, OTHER = "11111111-45a2-45ea-872c-30e45139007d", "22222222-45a2-45ea-872c-30e45139007d"
GUEST, CONSUMER = "33333333-aaaa-45ea-872c-30e45139007d", "44444444-bbbb-45ea-872c-30e45139007d"
LIST = uuid.UUID("55555555-cccc-45ea-872c-30e45139007d")  # of people
GONE = "This search is not yours or no longer exists. Search again."
# Search texts; no part of them could occur elsewhere by chance.
TYPED = {
    "email": "zq.marker@example.com",
    "phone": "+353 87 555 1234",
    "passport": "xq99887766",
    "identifier": "MARK-4711-ID",
    "last_name": "quixwold",
}


@pytest.fixture
def sid(db: None) -> User:
    return make_person("sid", "staff")


@pytest.fixture
def story(staff: User, sid: User) -> dict[str, Submission]:
    """Five submissions of two people, by name; the newest first."""
    quixwold = clean(
        last_name="Quixwold",
        emails=("zq.marker@example.com", "b@example.com"),
        phone_numbers=("+353875551234",),
        passport_number="XQ99887766",
        identifiers=(Identifier("ProfileSystem", "MARK-4711-ID"),),
    )
    hour = dt.timedelta(hours=1)
    return {
        "created": store(
            staff, Outcome.CREATED, quixwold, order=ORDER, consumer_ref=CONSUMER, guest_ref=GUEST,
            duration_ms=120, submitted_at=NOW - hour,
        ),
        "rejected": store(staff, Outcome.REJECTED, clean(last_name="Two"), order=OTHER, duration_ms=900,
                          submitted_at=NOW - 2 * hour, batch=LIST, batch_row=7),
        "not_sent": store(sid, Outcome.NOT_SENT, clean(last_name="Three"), order=ORDER.upper(),
                          submitted_at=NOW - 3 * hour, batch=LIST, batch_row=8),
        "not_created": store(sid, Outcome.NOT_CREATED, clean(last_name="Quixwold"), order=OTHER,
                             duration_ms=15_000, submitted_at=NOW - 4 * hour),
        "old": store(staff, Outcome.CREATED, clean(last_name="Five"), order=OTHER,
                     consumer_ref=str(uuid.uuid4()), duration_ms=200, submitted_at=OLD,
                     order_number="ORD-7", batch=LIST, batch_row=2),
    }  # fmt: skip


def names(page: str, story: dict[str, Submission]) -> list[str]:
    """The names of the story's submissions that the list shows, in its order."""
    known = {str(one.public_id): name for name, one in story.items()}
    return [
        known[one]
        for one in re.findall(r'<td[^>]*><a href="/submissions/([0-9a-f-]{36})/"', page)
        if one in known
    ]


def chips(page: str) -> dict[str, str]:
    """The text of each chip, with the address that removes it."""
    found = re.findall(r'<li><a href="([^"]+)"><span><span[^>]*>[^<]*</span>([^<]+)</span></a></li>', page)
    return {unescape(words): unescape(url) for url, words in found}


def with_search(query: str, person: User) -> str:
    """``email=?`` becomes a search of this person for the typed text; several become one search."""
    pairs = query.split("&")
    kinds = [pair.removesuffix("=?") for pair in pairs if pair.endswith("=?")]
    if not kinds:
        return query
    named = urlencode({"search": token(person, **{kind: TYPED[kind] for kind in kinds})})
    return "&".join([*(pair for pair in pairs if not pair.endswith("=?")), named])


FILTERS = {
    "": ["created", "rejected", "not_sent", "not_created"],
    "period=all": ["created", "rejected", "not_sent", "not_created", "old"],
    "until=2020-03-07": ["old"],
    "since=2020-03-07&until=7+March+2020": ["old"],
    "since=2020-03-08&until=2020-03-09": [],
    "outcome=created": ["created"],
    "outcome=created&period=all": ["created", "old"],
    "outcome=not_created": ["not_created"],
    "outcome=not_sent&outcome=rejected": ["rejected", "not_sent"],
    "outcome=created&outcome=created&outcome=not_created&period=all": ["created", "not_created", "old"],
    "outcome=created&outcome=rejected&person={sam}&period=all": ["created", "rejected", "old"],
    "outcome=created&outcome=not_created&answered_from=120&sort=slowest": ["not_created", "created"],
    "outcome=created&outcome=not_sent&sort=oldest&period=all": ["old", "not_sent", "created"],
    "sort=oldest": ["not_created", "not_sent", "rejected", "created"],
    "sort=slowest&period=all": ["not_created", "rejected", "old", "created", "not_sent"],
    "sort=fastest&period=all": ["not_sent", "created", "old", "rejected", "not_created"],
    f"sort=fastest&order={OTHER}": ["old", "rejected", "not_created"],
    "last_name=?&sort=slowest": ["not_created", "created"],
    "last_name=?&sort=oldest": ["not_created", "created"],
    "period=last-30-days": ["created", "rejected", "not_sent", "not_created"],
    "period=last-30-days&until=2020-03-07": [],
    "attention=contradicted": [],
    "outcome=sending": [],
    "person={sid}": ["not_sent", "not_created"],
    "person={sam}&period=all": ["created", "rejected", "old"],
    f"order={ORDER}": ["created", "not_sent"],
    f"order={OTHER.upper()}": ["rejected", "not_created", "old"],
    f"order=https://api.example.com/v2/orders/{OTHER}": ["rejected", "not_created", "old"],
    f"consumer={CONSUMER.upper()}": ["created"],
    f"guest={GUEST.upper()}": ["created"],
    f"guest={ORDER}": [],
    "reason=connect_refused": ["not_sent"],
    "reason=http_599": [],
    "answered_from=200": ["rejected", "not_created"],
    "answered_from=120&answered_under=900": ["created"],
    "answered_under=200&period=all": ["created"],
    "email=?": ["created"],
    "phone=?": ["created"],
    "passport=?": ["created"],
    "identifier=?": ["created"],
    "last_name=?": ["created", "not_created"],
    "last_name=?&email=?": ["created"],
    "last_name=?&outcome=not_created": ["not_created"],
    "last_name=?&person={sid}": ["not_created"],
    "last_name=?&since=2020-01-01&until=2020-12-31": [],
    "person={sid}&outcome=not_sent": ["not_sent"],
    "person={sid}&outcome=created": [],
    f"batch={LIST}": ["rejected", "not_sent", "old"],
    f"batch={LIST.hex.upper()}&outcome=rejected&person={{sam}}": ["rejected"],
    f"batch={LIST}&sort=slowest": ["rejected", "old", "not_sent"],
    "batch=66666666-cccc-45ea-872c-30e45139007d": [],
    f"order={OTHER}&until=2020-12-31": ["old"],
    f"order={OTHER}&person={{sid}}&outcome=not_created&reason=read_timeout": ["not_created"],
}


@pytest.mark.parametrize("common", [False, True], ids=["", "shared by many"])
def test_filters_are_combined(
    as_supervisor: Client, supervisor: User, staff: User, sid: User, story: dict[str, Submission],
    monkeypatch: pytest.MonkeyPatch, common: bool,
) -> None:  # fmt: skip
    if common:  # a digest of one row is one of many
        monkeypatch.setattr(selections, "MANY", 1)
        monkeypatch.setattr(selections, "NEAR", 2)
    for query, shown in FILTERS.items():
        page = text(
            as_supervisor.get(f"{PAGE}?{with_search(query.format(sam=staff.pk, sid=sid.pk), supervisor)}")
        )
        assert names(page, story) == shown, query
        assert ("No submissions match" in page) is (not shown), query


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(("name", "column"), [("order", "order_ref"), ("consumer", "consumer_ref"),
                                              ("guest", "guest_ref")])  # fmt: skip
def test_reference_is_found_in_every_spelling(
    as_supervisor: Client, staff: User, name: str, column: str
) -> None:
    plain = ORDER.replace("-", "")
    stored = (ORDER, ORDER.upper(), plain, plain.upper(), OTHER)
    made = {one: store(staff, Outcome.CREATED, clean(last_name=f"Of {one}")) for one in stored}
    for one, submission in made.items():
        Submission.objects.filter(pk=submission.pk).update(**{column: one})
    for asked in stored[:-1]:
        page = text(as_supervisor.get(f"{PAGE}?{name}={asked}"))
        assert {*names(page, made)} == {*stored[:-1]}, asked


@pytest.mark.sql("repeated")
def test_reference_is_found_by_an_index() -> None:
    viewer = Viewer("1", sees_all=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # the table is empty
    for column, index in (
        ("order_ref", "submission_of_order"),
        ("consumer_ref", "submission_by_reference"),
        ("guest_ref", "submission_of_guest"),
    ):
        asked = selections.SubmissionFilter(**{column: ORDER})  # type: ignore[arg-type]
        plan = selections.Selection(asked, viewer).submissions().order_by().explain()
        assert index in plan


def test_staff_see_only_their_own_submissions_for_any_address(
    as_staff: Client, staff: User, sid: User, story: dict[str, Submission]
) -> None:
    for query in (
        "", f"person={sid.pk}", f"order={ORDER}", with_search("last_name=?", staff), "outcome=not_sent"
    ):  # fmt: skip
        page = text(as_staff.get(f"{PAGE}?{query}&period=all"))
        assert {*names(page, story)} <= {"created", "rejected", "old"}
        assert "Sid Person" not in page
        assert "Person:" not in "".join(chips(page))
    assert names(text(as_staff.get(f"{PAGE}?person={sid.pk}")), story) == ["created", "rejected"]


@pytest.mark.once
def test_chips_show_the_active_filters_and_link_to_the_list_without_them(
    as_supervisor: Client, supervisor: User, staff: User, story: dict[str, Submission]
) -> None:
    query = f"since=7+3+2020&outcome=created&person={staff.pk}&answered_under=500&email=?&last_name=?"
    query = with_search(query, supervisor)
    page = text(as_supervisor.get(f"{PAGE}?{query}&before=9999999999999999-9"))
    pairs = query.split("&")
    without = {
        words: f"{PAGE}?{'&'.join(pairs[:index] + pairs[index + 1 :])}"
        for index, words in enumerate(
            ("From: 7 March 2020", "Outcome: Created", "Person: Sam Person (sam)",
             "Time to answer: under 500 ms", "Email address, Last name: matches your search")
        )
    }  # fmt: skip
    assert chips(page) == without
    for address in without.values():
        assert "created" in names(text(as_supervisor.get(address)), story)


@pytest.mark.once
def test_last_thirty_days_are_a_removable_chip(as_staff: Client, story: dict[str, Submission]) -> None:
    assert chips(text(as_staff.get(f"{PAGE}?outcome=created"))) == {
        "Last 30 days": f"{PAGE}?outcome=created&period=all",
        "Outcome: Created": f"{PAGE}?period=last-30-days",
    }
    page = text(as_staff.get(f"{PAGE}?outcome=created&period=all"))
    assert names(page, story) == ["created", "old"]
    assert chips(page) == {"Outcome: Created": f"{PAGE}?period=all"}


@pytest.mark.once
def test_list_of_people_is_named_by_its_first_submission_that_the_reader_may_see(
    as_supervisor: Client, staff: User, sid: User, story: dict[str, Submission]
) -> None:
    address = f"{PAGE}?batch={LIST}&outcome=rejected"
    removed = f"{PAGE}?outcome=rejected"
    assert chips(text(as_supervisor.get(address)))["List: 7 March 2020, order ORD-7"] == removed
    as_sid = Client()
    as_sid.force_login(sid)
    own = story["not_sent"].submitted_at
    day = f"{own.day} {own:%B %Y}"
    assert f"List: {day}, order {ORDER.upper()}" in chips(text(as_sid.get(address)))
    unknown = uuid.uuid4()
    assert f"List: {str(unknown)[:8]}" in chips(text(as_sid.get(f"{PAGE}?batch={unknown}")))


@pytest.mark.once
def test_export_and_figures_are_linked_with_the_same_filters_for_readers_with_permission(
    as_supervisor: Client, supervisor: User, as_staff: Client, story: dict[str, Submission]
) -> None:
    query = with_search("outcome=created&email=?", supervisor)
    page = text(as_supervisor.get(f"{PAGE}?{query}&before=9999999999999999-9"))
    for way in ("export", "figures"):
        assert f'href="{PAGE}{way}/?{query.replace("&", "&amp;")}"' in page
        assert f"{PAGE}{way}/" not in text(as_staff.get(f"{PAGE}?{query}"))


@pytest.mark.once
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=2026-03", "Enter a date, such as 2026-03-07"),
        ("outcome=teleported", "Choose an outcome from the list"),
        ("person=999999", "Choose a person from the list"),
        ("guest=a+b", "Enter the reference of a guest"),
    ],
)
def test_unreadable_filter_is_an_error_at_its_field_and_the_others_stay(
    as_supervisor: Client, story: dict[str, Submission], query: str, words: str
) -> None:
    page = text(as_supervisor.get(f"{PAGE}?{query}&order={ORDER}"))
    assert words in page
    assert "<title>Error: " in page
    assert f'value="{ORDER}"' in page
    assert '<details class="filters no-print" open>' in page
    assert names(page, story) == []
    assert events("submissions.listed") == []


@pytest.mark.once
@pytest.mark.parametrize("query", ["email=abc", "view=1", "answered_from=x", "search=%00", "batch=1"])
def test_malformed_address_is_reported(as_staff: Client, query: str) -> None:
    response = as_staff.get(f"{PAGE}?{query}")
    assert response.status_code == 400
    assert "The address is incomplete or altered. Use a link of the portal." in text(response)


def posted(**typed: str) -> dict[str, str]:
    return {f"search-{name}": value for name, value in typed.items()}


@pytest.mark.parametrize("name", TYPED)
def test_exact_search_finds_the_sent_values(
    as_supervisor: Client, supervisor: User, story: dict[str, Submission], name: str
) -> None:
    answer = as_supervisor.post(f"{PAGE}?outcome=created&before=5-5", posted(**{name: TYPED[name]}))
    assert answer.status_code == 303
    address = answer.headers["Location"]
    query = parse_qs(urlsplit(address).query)
    assert {*query} == {"outcome", "search"}
    stored = RecordedSearch.objects.get()
    assert (stored.person_id, stored.kinds) == (supervisor.pk, [name])
    assert stored.public_id.hex not in address
    page = text(as_supervisor.get(address))
    assert names(page, story) == ["created"]
    label = DigestKind(name).label
    assert f"{label}: matches your search" in chips(page)
    # The hidden field keeps it in the request when the other filters are sent.
    assert f'name="search" value="{query["search"][0]}"' in page


def test_several_values_are_searched_together_and_a_second_search_replaces_the_first(
    as_supervisor: Client, story: dict[str, Submission]
) -> None:
    both = as_supervisor.post(PAGE, posted(email=TYPED["email"], last_name="Nobody"))
    assert names(text(as_supervisor.get(both.headers["Location"])), story) == []
    again = as_supervisor.post(both.headers["Location"], posted(last_name=TYPED["last_name"]))
    shown = text(as_supervisor.get(again.headers["Location"]))
    assert names(shown, story) == ["created", "not_created"]
    assert [*chips(shown)] == ["Last name: matches your search"]
    empty = text(as_supervisor.post(again.headers["Location"], posted(email=" ")))
    assert f'action="{again.headers["Location"]}"' in empty  # an invalid one does not


@pytest.mark.once
def test_search_without_a_hit_is_reported_and_preserves_the_filters(
    as_supervisor: Client, story: dict[str, Submission]
) -> None:
    page = text(as_supervisor.post(f"{PAGE}?order={ORDER}", posted(email=" ")))
    assert "Enter what you are looking for in one of the fields" in page
    assert f'action="{PAGE}?order={ORDER}"' in page
    assert events("submissions.listed") == []


@pytest.mark.once
def test_search_needs_the_csrf_token(staff: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    assert strict.post(PAGE, posted(email=TYPED["email"])).status_code == 403


def test_search_sent_after_the_session_ended_returns_filled(as_staff: Client, staff: User) -> None:
    mark = re.search(r'name="entry_of" value="([^"]+)"', as_staff.get(PAGE).content.decode())
    assert mark
    gone = Client()
    gone.post(PAGE, posted(email=TYPED["email"]) | {"entry_of": mark[1]})
    assert TYPED["email"] not in str([session.get_decoded() for session in Session.objects.all()])
    gone.post("/accounts/login/", {"login": "sam", "password": "a long walk in the rain"})
    page = text(gone.get(PAGE))
    assert f'value="{TYPED["email"]}"' in page


def test_search_terms_are_in_no_address_log_event_or_session(
    as_supervisor: Client, story: dict[str, Submission], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = as_supervisor.post(PAGE, posted(**TYPED))
    found: HttpResponse = as_supervisor.get(answer.headers["Location"])  # type: ignore[assignment]  # the client's class
    assert names(text(found), story) == ["created"]
    places = {
        "address": answer.headers["Location"],
        "headers": f"{answer.headers} {found.headers}",
        "log": caplog.text + "".join(str(record.__dict__) for record in caplog.records),
        "events": str([vars(event) for event in AuditEvent.objects.all()]),
        "sessions": str([session.get_decoded() for session in Session.objects.all()]),
    }
    assert len(caplog.records) >= 2
    for marker in ("zq.marker", "555 1234", "5551234", "xq99887766", "mark-4711", "quixwold"):
        assert [place for place, texts in places.items() if marker in texts.lower()] == []
    [listed] = events("submissions.listed")
    search = str(RecordedSearch.objects.get().public_id)
    row = Submission.objects.exclude(encrypted_consumer=b"").get(pk=listed.details["first"]).pk
    assert listed.details == {
        "filters": [*TYPED], "search": search, "scope": "everybody", "count": 1, "first": row, "last": row,
        "rows": [str(row)],
    }  # fmt: skip
    [searched] = events("submissions.searched")
    assert searched.details == {"search": search, "by": [*TYPED]}


def test_typed_reference_that_nothing_has_is_not_recorded(as_supervisor: Client) -> None:
    as_supervisor.get(f"{PAGE}?order=Quixwold-1&consumer=Quixwold-2&outcome=created")
    [event] = events("submissions.listed")
    assert event.details["filters"] == ["outcomes:created", "order_ref", "consumer_ref"]


def test_events_contain_filters_and_the_search_without_its_values(
    as_supervisor: Client, supervisor: User, story: dict[str, Submission]
) -> None:
    query = with_search(f"order={ORDER}&outcome=created&email=?", supervisor)
    as_supervisor.get(f"{PAGE}?{query}")
    as_supervisor.get(f"{PAGE}figures/?{query}")
    digest = search_digest(DigestKind.EMAIL, TYPED["email"]).hex()
    search = str(RecordedSearch.objects.get().public_id)
    for action in ("submissions.listed", "figures.viewed"):
        [event] = events(action)
        facts = {name: event.details[name] for name in ("filters", "search", "scope", "count")}
        assert facts == {
            "filters": ["outcomes:created", f"order_ref:{ORDER}", "email"], "search": search,
            "scope": "everybody", "count": 1,
        }  # fmt: skip
        assert digest not in str(vars(event))


def test_list_of_people_is_in_the_event_if_it_has_a_submission(
    as_supervisor: Client, story: dict[str, Submission]
) -> None:
    for query in (f"batch={LIST}", "batch=66666666-cccc-45ea-872c-30e45139007d"):
        as_supervisor.get(f"{PAGE}?{query}")
    assert [event.details["filters"] for event in events("submissions.listed")] == [
        [f"batch:{LIST}"],
        ["batch"],
    ]


@pytest.mark.once
@pytest.mark.parametrize("page", [PAGE, f"{PAGE}figures/", f"{PAGE}export/"])
def test_digests_in_addresses_find_nothing(
    as_supervisor: Client, story: dict[str, Submission], page: str
) -> None:
    """The form of earlier addresses, and a stored digest in the place of a token."""
    stored = SubmissionDigest.objects.filter(submission=story["created"], kind=DigestKind.EMAIL)[0].digest
    old = as_supervisor.get(f"{page}?email={bytes(stored).hex()}")
    assert old.status_code == 400
    assert "The address is incomplete or altered. Use a link of the portal." in text(old)
    for digest in (bytes(stored).hex(), urlsafe_b64encode(stored).decode()):
        shown = text(as_supervisor.get(f"{page}?{urlencode({'search': digest})}", follow=True))
        assert GONE in shown
        assert names(shown, story) == []
    assert events("submissions.listed") == events("figures.viewed") == []


@pytest.mark.once
@pytest.mark.parametrize("page", [PAGE, f"{PAGE}figures/", f"{PAGE}export/"])
def test_search_of_another_person_an_altered_and_an_erased_one_show_no_rows(
    as_supervisor: Client, supervisor: User, staff: User, story: dict[str, Submission], page: str
) -> None:
    own = with_search("email=?", supervisor)
    erased = recorded(supervisor, email=TYPED["email"])
    gone = urlencode({"search": searches.seal(erased)})
    personal_rows.erase(erased)
    altered = f"{own[:30]}{'A' if own[30] != 'A' else 'B'}{own[31:]}"
    for query in (with_search("email=?", staff), altered, own[:40], gone):
        answer = as_supervisor.get(f"{page}?outcome=created&{query}", follow=True)
        assert answer.status_code == 200
        shown = text(answer)
        assert GONE in shown
        assert names(shown, story) == []
        assert 'name="search"' not in shown  # the next address has no error
    assert events("submissions.listed") == events("figures.viewed") == []
    again = as_supervisor.post(f"{PAGE}?{gone}", posted(email=TYPED["email"]))
    assert names(text(as_supervisor.get(again.headers["Location"])), story) == ["created"]


def test_search_is_not_stored_if_it_cannot_be_recorded(
    as_supervisor: Client, story: dict[str, Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_event: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(searches, "record_shown", fail)
    as_supervisor.raise_request_exception = False
    assert as_supervisor.post(PAGE, posted(email=TYPED["email"])).status_code == 500
    assert not RecordedSearch.objects.exists()


def test_list_is_not_shown_if_the_view_cannot_be_recorded(
    as_staff: Client, story: dict[str, Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(recording, "record_listed", fail)
    as_staff.raise_request_exception = False
    assert as_staff.get(PAGE).status_code == 500


@pytest.mark.parametrize("seconds", [0, 1], ids=["of one moment", "one after the other"])
def test_paging_shows_every_submission_once_in_both_directions(
    as_staff: Client, staff: User, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 3)
    moments = [NOW - dt.timedelta(seconds=seconds * (8 - number)) for number in range(8)]
    made = [store(staff, Outcome.REJECTED, clean(last_name="Same"), submitted_at=at) for at in moments]
    expected = [str(one.public_id) for one in reversed(made)]
    same = urlencode({"search": token(staff, last_name="Same")})
    for query in ("", "outcome=rejected", f"order={made[0].order_ref}", same):
        for many in (1, 2_000):
            monkeypatch.setattr(selections, "MANY", many)
            monkeypatch.setattr(selections, "NEAR", 4)
            address, seen = f"{PAGE}?{query}", []
            while address:
                page = as_staff.get(address).content.decode()
                seen += re.findall(r'<td[^>]*><a href="/submissions/([0-9a-f-]{36})/"', page)
                assert len(seen) <= len(expected)
                older = re.search(r'rel="next" href="([^"]+)"', page)
                address, last = unescape(older[1]) if older else "", address
            assert seen == expected
            newer = re.search(r'rel="prev" href="([^"]+)"', as_staff.get(last).content.decode())
            assert newer
            page = as_staff.get(unescape(newer[1])).content.decode()
            found = re.findall(r'<td[^>]*><a href="/submissions/([0-9a-f-]{36})/"', page)
            assert found == expected[3:6]


def test_what_needs_attention_is_one_line_with_its_number_and_its_list(
    as_supervisor: Client, as_staff: Client, staff: User, sid: User, supervisor: User
) -> None:
    unknown = [
        store(person, Outcome.UNKNOWN, clean(last_name=person.username), submitted_at=OLD)
        for person in (sid, staff)
    ]
    late = store(
        staff, Outcome.NOT_CREATED, submitted_at=OLD, **resolved_by(supervisor), late_outcome="created",
        late_consumer_ref=CONSUMER, contradicted=True,
    )  # fmt: skip
    doubted = store(staff, Outcome.CREATED, submitted_at=OLD, doubt_code="claimed")
    page = text(as_supervisor.get(f"{PAGE}?outcome=rejected"))
    story = {"late": late, "doubted": doubted, "unknown 1": unknown[1], "unknown 0": unknown[0]}
    assert names(page, story) == []  # the results are not below rows that no filter applies to
    lists = {
        unescape(words).strip(): unescape(url)
        for url, words in re.findall(r'<a href="([^"]+)"><svg.*?</svg>([^<]+)</a>', page)
    }
    assert [*lists] == [
        "3 submissions of unknown outcome (3 overdue)",
        "1 contradicted after the resolution",
        "1 created, to be checked",
    ]
    shown = [sorted(names(text(as_supervisor.get(url)), story)) for url in lists.values()]
    assert shown == [["late", "unknown 0", "unknown 1"], ["late"], ["doubted"]]
    for url, own in zip(lists.values(), lists, strict=True):
        assert own not in text(as_supervisor.get(url))  # the list itself shows them
    assert "2 submissions of unknown outcome" in text(as_staff.get(PAGE))
    # Part of them: the line still says how many there are.
    for part in (
        "outcome=unknown",
        f"outcome=unknown&period=all&person={staff.pk}",
        "outcome=unknown&sort=oldest",
    ):
        assert "3 submissions of unknown outcome" in text(as_supervisor.get(f"{PAGE}?{part}"))
    assert "1 created, to be checked" in text(as_supervisor.get(f"{PAGE}?attention=doubtful&period=today"))


def test_number_of_matches_is_shown_up_to_a_limit(
    as_supervisor: Client, supervisor: User, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "MAX_COUNTED", 2)
    monkeypatch.setattr(views, "MAX_COUNTED", 2)
    same = urlencode({"search": token(supervisor, last_name="Same")})
    for words in ("1 submission<", "2 submissions<", "More than 2 submissions<", "More than 2 submissions<"):
        store(staff, Outcome.REJECTED, clean(last_name="Same"))
        assert f"<p>{words}" in text(as_supervisor.get(PAGE))
        assert f"<p>{words}" in text(as_supervisor.get(f"{PAGE}?{same}"))


def test_staff_are_not_told_how_many_others_match(as_staff: Client, staff: User, sid: User) -> None:
    for person in (staff, sid, sid):
        store(person, Outcome.REJECTED, clean(last_name="Same"))
    same = urlencode({"search": token(staff, last_name="Same")})
    assert "<p>1 submission<" in text(as_staff.get(f"{PAGE}?{same}"))


def test_expensive_counts_are_skipped(
    as_supervisor: Client, supervisor: User, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(staff, Outcome.REJECTED, clean(last_name="Same"), duration_ms=5)
    same = urlencode({"search": token(supervisor, last_name="Same")})
    assert "<p>1 submission<" in text(as_supervisor.get(f"{PAGE}?{same}&outcome=rejected"))
    monkeypatch.setattr(selections, "MANY", 1)
    assert "<p>1 submission<" in text(as_supervisor.get(f"{PAGE}?{same}"))
    for query in (f"{same}&outcome=rejected", "answered_from=1&period=all"):
        page = text(as_supervisor.get(f"{PAGE}?{query}"))
        assert "<p>1 submission<" not in page
        assert "Rejected" in page


def test_empty_last_days_link_to_older_submissions(as_staff: Client, staff: User) -> None:
    store(staff, Outcome.CREATED, submitted_at=OLD)
    for address in (PAGE, f"{PAGE}?period=last-30-days"):
        page = text(as_staff.get(address))
        assert "No submissions in the last 30 days" in page
        assert f'href="{PAGE}?period=all">Show all submissions' in page


@pytest.mark.once
def test_list_of_own_submissions_has_no_person_column(
    as_staff: Client, as_supervisor: Client, story: dict[str, Submission]
) -> None:
    column = '<th role="columnheader" scope="col">Person</th>'
    assert column not in text(as_staff.get(PAGE))
    assert column in text(as_supervisor.get(PAGE))
