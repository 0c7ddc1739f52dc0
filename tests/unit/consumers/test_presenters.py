"""The contents of the receipt: sent and returned values, links unchanged, authors of each act."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.errors import ErrorCode
from apps.cdp.factory import get_client
from apps.consumers import selectors
from apps.consumers.duplicates.compare import Comparison, Likeness, Rule, Similarity
from apps.consumers.models import CheckResult, Doubt, Outcome, Submission
from apps.consumers.presenters import comparison, lists, receipts
from apps.consumers.presenters.entry import SimilarField, WarningLine, warning_line
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import NO_IDENTITY, SIMILAR, EntryWarning
from apps.consumers.viewer import Viewer
from tests.support.entries import FULL, REF, clean, resolved_by, store


def answer(consumer: NewConsumer = FULL) -> OrderConsumer:
    """The vendor's answer for that consumer, which has no identifiers."""
    return OrderConsumer.from_json({"ref": REF, **replace(consumer, identifiers=()).to_json()})


def compared(
    sent: NewConsumer | None, came_back: OrderConsumer | None
) -> dict[str, tuple[object, object, bool]]:
    return {row.label: (row.sent, row.came_back, row.differs) for row in comparison.compared(sent, came_back)}


# --- Sent and returned values ---------------------------------------------------------------------
def test_value_returned_as_sent_is_not_marked() -> None:
    rows = compared(FULL, answer())
    assert list(rows) == [
        "Title", "First name", "Last name", "Gender", "Date of birth", "Email addresses", "Phone numbers",
        "Nationality", "Passport number", "Country", "Identifiers",
    ]  # fmt: skip
    assert not any(differs for _sent, _back, differs in rows.values())
    assert rows["Date of birth"][:2] == (("7 March 1991",), ("7 March 1991",))
    assert rows["Country"][0] == ("Ireland (IE)",)
    assert rows["Gender"][0] == ("Unknown",)
    assert rows["Email addresses"][0] == FULL.emails
    assert rows["Identifiers"][:2] == (("ProfileSystem: PS-77-Zaphod", "LoyaltyProgramme: LP-42-Zaphod"), ())


@pytest.mark.parametrize(
    ("label", "came_back"),
    [
        ("Title", replace(answer(), title="Mr")),
        ("First name", replace(answer(), first_name="AOIFE ZAPHODIN")),
        ("Last name", replace(answer(), last_name="")),
        ("Gender", replace(answer(), gender="female")),
        ("Date of birth", replace(answer(), date_of_birth=datetime.date(1991, 3, 6))),
        ("Email addresses", replace(answer(), emails=FULL.emails[:1])),
        ("Phone numbers", replace(answer(), phone_numbers=FULL.phone_numbers[::-1])),
        ("Nationality", replace(answer(), nationality="British")),
        ("Passport number", replace(answer(), passport_number="PZ4A956")),
        ("Country", replace(answer(), country="GB")),
        ("Identifiers", replace(answer(), identifiers=(Identifier("ProfileSystem", "another"),))),
    ],
)
def test_only_the_differing_field_is_marked(label: str, came_back: OrderConsumer) -> None:
    assert [name for name, (_s, _b, differs) in compared(FULL, came_back).items() if differs] == [label]


def test_value_returned_without_being_sent_is_marked() -> None:
    rows = compared(clean(), replace(answer(clean()), nationality="Irish"))
    assert rows["Nationality"] == ((), ("Irish",), True)


def test_without_an_answer_nothing_differs() -> None:
    rows = compared(FULL, None)
    assert len(rows) == 11
    assert not any(differs for _sent, _back, differs in rows.values())


def test_value_neither_sent_nor_returned_is_omitted() -> None:
    assert list(compared(clean(), answer(clean()))) == ["First name", "Last name", "Email addresses"]
    assert compared(None, None) == {}


def test_unknown_gender_of_the_vendor_is_shown_as_it_is() -> None:
    rows = compared(None, OrderConsumer(ref=REF, gender="X-9"))
    assert rows["Gender"][1] == ("X-9",)


@pytest.mark.parametrize(
    "country",
    ["ZZ", "²", "³⁷²", "000", "3720", pytest.param("9" * 5_000, id="5,000 digits"), "ß", "I E", "%s"],
)
def test_unknown_country_of_the_vendor_is_shown_as_it_is(country: str) -> None:
    """Also digits that are no number, and more digits than Python parses."""
    rows = compared(None, OrderConsumer(ref=REF, country=country))
    assert rows["Country"][1] == (f"{country} ({country})",)


@pytest.mark.parametrize("country", ["IE", "IRL", "372"])
def test_country_of_the_vendor_is_named_by_each_kind_of_code(country: str) -> None:
    rows = compared(None, OrderConsumer(ref=REF, country=country))
    assert rows["Country"][1] == (f"Ireland ({country})",)


# --- Links ----------------------------------------------------------------------------------------
OWN = "http://127.0.0.1:8031/v2.1/guests/1"


@pytest.mark.parametrize(
    ("href", "own"),
    [
        (OWN, True),
        ("http://127.0.0.1:8032/v2.1/guests/1", False),
        ("https://127.0.0.1:8031/v2.1/guests/1", False),
        ("http://127.0.0.1:8031@elsewhere.example/", False),
        ("http://elsewhere.example/", False),
        ("//127.0.0.1:8031/v2.1/guests/1", False),
        ("/v2.1/guests/1", False),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt://127.0.0.1:8031/%0aalert(1)", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ('http://elsewhere.example/"><script>', False),
    ],
)
def test_link_is_shown_unchanged_and_followed_only_on_the_vendors_host(
    href: str, own: bool, settings: Settings
) -> None:
    settings.CDP_BASE_URL = "http://127.0.0.1:8031"
    [link] = receipts.returned_links(Submission(guest_href=href), get_client())
    assert (link.label, link.href, link.own) == ("Guest link", href, own)


def test_missing_links_are_not_shown(settings: Settings) -> None:
    submission = Submission(consumer_href="a", order_href="b", guest_href="")
    labels = [link.label for link in receipts.returned_links(submission, get_client())]
    assert labels == ["Consumer link", "Order link"]


@pytest.mark.parametrize(
    ("guest_ref", "path"),
    [("", ""), ("a/b", ""), ("../x", ""), (REF, f"/guests/{REF}/")],
)
def test_a_guest_reference_that_makes_no_address_has_no_page(guest_ref: str, path: str) -> None:
    assert record_url("orders:guest", guest_ref) == path


# --- Lines ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(None, ""), (0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (1_960, "2.0 s"), (29_949, "29.9 s")],
)
def test_a_duration_is_told_in_milliseconds_or_seconds(milliseconds: int | None, words: str) -> None:
    assert lists.duration_text(milliseconds) == words


@pytest.mark.django_db
def test_list_line_names_person_consumer_and_outcome(staff: User) -> None:
    submission = store(staff, Outcome.REJECTED, duration_ms=1500)
    [line] = lists.lines([submission])
    assert (line.person, line.consumer, line.outcome) == (
        staff.name,
        "Aoife Zaphodina O’Beeblebrox",
        "rejected",
    )
    assert (line.url, line.duration) == (f"/submissions/{submission.public_id}/", "1.5 s")
    submission.encrypted_consumer = b""
    assert lists.lines([submission])[0].consumer == "(unreadable)"
    submission.content_digest = b""  # erased
    assert lists.lines([submission])[0].consumer == ""


@pytest.mark.django_db
@pytest.mark.parametrize("may_open", [True, False])
def test_similar_consumer_has_person_and_time_and_a_link_for_readers_with_permission(
    staff: User, may_open: bool
) -> None:
    submission = store(staff, Outcome.CREATED)
    viewer = Viewer(str(staff.pk) if may_open else "0")
    fields = (("last_name", Likeness.SAME), ("title", Likeness.MISSING))
    similar = Similar(
        replace(FULL, title=""), FULL, Comparison(Similarity.NEAR, Rule.CLOSE_NAME, fields), submission
    )
    line = warning_line(EntryWarning(SIMILAR, "last_name", submission, similar), viewer)
    assert (line.who, line.when, line.reference) == (staff.name, submission.submitted_at, REF)
    assert line.url == (f"/submissions/{submission.public_id}/" if may_open else "")
    assert "last name" in line.text
    others = ((FULL.last_name,), (FULL.title,)) if may_open else ((), ())
    assert line.rows == (
        SimilarField("Last name", (FULL.last_name,), others[0], "same", "Same"),
        SimilarField("Title", (), others[1], "missing", "One side only"),
    )
    assert line.is_shown is may_open


@pytest.mark.parametrize("may_view", [True, False])
def test_consumer_of_the_vendor_is_shown_to_those_who_may_view_its_records(may_view: bool) -> None:
    vendors = OrderConsumer(ref=REF, last_name=FULL.last_name)
    comparison = Comparison(Similarity.NEAR, Rule.SAME_NAME, (("last_name", Likeness.SAME),))
    warning = EntryWarning(SIMILAR, "last_name", similar=Similar(FULL, vendors, comparison))
    line = warning_line(warning, Viewer("0", may_view_vendor_records=may_view))
    assert line.text == ("A similar consumer is on this order in Sitecore CDP. Same fields: last name.")
    assert (line.who, line.when, line.reference, line.source) == ("", None, REF, "Sitecore CDP")
    assert line.url == (f"/order-consumers/{REF}/" if may_view else "")
    assert (line.ref, line.is_shown) == (REF, may_view)
    assert line.rows[0].other == ((FULL.last_name,) if may_view else ())


def test_warning_without_an_earlier_submission_has_only_text() -> None:
    line = warning_line(EntryWarning(NO_IDENTITY, "identifiers"), Viewer("0"))
    assert line == WarningLine(line.text)


# --- Lines of a list --------------------------------------------------------------------------------
def read_for_a_line(submission: Submission) -> Submission:
    return selectors.with_line_columns(Submission.objects.filter(pk=submission.pk)).get()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "columns"),
    [
        *((outcome, {}) for outcome in Outcome),
        (Outcome.NOT_CREATED, {"contradicted": True, "late_consumer_ref": REF, "late_outcome": "created"}),
        (Outcome.CREATED, {"doubt_code": Doubt.CLAIMED}),
        (Outcome.REJECTED, {"error_code": ErrorCode.RATE_LIMITED, "retry_after": 3600}),
        (Outcome.UNKNOWN, {"check_result": CheckResult.SEVERAL}),
    ],
)
def test_line_of_a_list_needs_no_other_column(
    django_assert_num_queries: DjangoAssertNumQueries, staff: User, outcome: Outcome, columns: dict[str, Any]
) -> None:
    stored = store(staff, outcome, answer=answer(), order_number="A-1", **columns)
    read = read_for_a_line(stored)
    with django_assert_num_queries(0):
        shown = lists.lines([read])
    assert shown == lists.lines([stored])


@pytest.mark.django_db
def test_line_of_a_taken_submission_needs_no_other_column(
    django_assert_num_queries: DjangoAssertNumQueries, staff: User
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    taken: dict[str, Any] = {"taken_by": staff, "taken_by_name": "Sue", "taken_at": now}
    read = read_for_a_line(store(staff, Outcome.UNKNOWN, **taken))
    with django_assert_num_queries(0):
        [line] = lists.lines([read])
    assert line.note == "Taken by Sue"


@pytest.mark.django_db
def test_line_of_a_resolved_submission_also_reads_the_references_before(
    django_assert_num_queries: DjangoAssertNumQueries, staff: User
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    resolved: dict[str, Any] = {**resolved_by(staff), "consumer_read_at": now, "late_consumer_ref": "another"}
    created_later = replace(answer(), created_at=now + datetime.timedelta(days=1))
    stored = store(staff, Outcome.CREATED, answer=created_later, refs_before=[], **resolved)
    read = read_for_a_line(stored)
    with django_assert_num_queries(2):  # the second: by how much the vendor's clock is ahead
        [line] = lists.lines([read])
    assert line.note == "With warnings"
