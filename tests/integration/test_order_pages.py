"""The lookup pages with a running sandbox: their contents, and what the audit log records."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import get_resolver, reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.client import CdpClient, ListedConsumers, ListedGuests, ListedOrders
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import (
    CdpConnectionLost,
    CdpError,
    CdpInvalid,
    CdpMalformedAnswer,
    CdpNotConfigured,
    CdpRateLimited,
    CdpRefused,
    CdpServerFault,
    CdpTimeout,
    CdpUnauthorized,
    CdpUnreachable,
)
from apps.cdp.records import Guest, Order
from apps.consumers.models import Outcome, RecordedSearch, Submission
from apps.core import personal_data
from apps.orders import views
from sandbox.data.seed import (
    CANCELLED_ORDER,
    FAMILY_ORDER,
    ORDERS_SHARING_REFERENCE_ID,
    REPEATED_REFERENCE_ID,
    SAMPLE_ORDER,
    consumer_ref,
)
from sandbox.data.seed_guests import (
    GUEST_WITH_LOYALTY,
    GUEST_WITH_PROFILE,
    GUESTS_SHARING_EMAIL,
    SHARED_EMAIL,
)
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import lookup_slots_taken
from tests.support.entries import clean, on_page, posted, store

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

TRAVELLER = "ff53a46f-5ead-403a-84c4-b877678537a3"
ORDER_PAGE_LINK = re.compile(r'href="/(?:orders|guests|order-consumers)/')
UNKNOWN_REF = "00000000-0000-4000-8000-000000000000"
MARK = "Zaphod-7391"  # stands for personal data in a vendor's message
PAGES = {
    "order": f"/orders/{SAMPLE_ORDER}/",
    "guest": f"/guests/{GUEST_WITH_PROFILE}/",
    "order_consumer": f"/order-consumers/{UNKNOWN_REF}/",
    "orders": "/orders/?order_number=B94TXY-1",
}


def _text(response: HttpResponseBase) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(response.content.decode().split())


def _recorded() -> list[tuple[str, dict[str, Any]]]:
    """Action and data of every vendor record event, oldest first."""
    events = AuditEvent.objects.filter(action__startswith="vendor_record").order_by("seq")
    return [(e.action, json.loads(e.data) if isinstance(e.data, str) else e.data) for e in events]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A client whose answers the test sets."""
    client: MagicMock = create_autospec(CdpClient, instance=True, spec_set=True)
    client.is_own_link.return_value = False
    monkeypatch.setattr(views, "get_client", lambda: client)
    return client


def test_reused_order_number_offers_a_choice_by_date_price_and_status(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    page = _text(as_staff.get("/orders/", {"order_number": REPEATED_REFERENCE_ID}))
    assert "2 orders found" in page
    assert "Compare date, price and status before you choose" in page
    for words in (
        "30 April 2026, 16:20",
        "12 April 2024, 09:00",
        "GBP 510.00",
        "GBP 340.00",
        "CONFIRMED",
    ):
        assert words in page
    for ref in ORDERS_SHARING_REFERENCE_ID:
        assert f'href="/orders/{ref}/"' in page
        assert f'href="/consumers/new/?order={ref}"' in page
    assert _recorded() == [
        (
            "vendor_records.searched",
            {"kind": "order", "by": ["order_number"], "result": "found", "count": 2},
        )
    ]


def test_orders_of_a_guest_are_found(as_staff: Client, sandbox: SandboxServer) -> None:
    page = _text(as_staff.get("/orders/", {"guest_ref": GUESTS_SHARING_EMAIL[0]}))
    assert f'href="/orders/{FAMILY_ORDER}/"' in page
    assert _recorded()[0][1]["guests"] == [GUESTS_SHARING_EMAIL[0]]


def test_search_without_a_hit_shows_the_next_step(as_staff: Client, sandbox: SandboxServer) -> None:
    response = as_staff.get("/orders/", {"order_number": "NO-SUCH-NUMBER"})
    assert response.status_code == 200
    assert "No order found" in _text(response)
    assert _recorded()[0][1]["result"] == "not_found"


@pytest.mark.parametrize(
    ("address", "typed"),
    [
        ("/orders/?order_number=B94TXY-1", {}),
        ("/orders/", {"order": "B94TXY-1"}),
        ("/guests/", {"email": SHARED_EMAIL}),
    ],
)
def test_list_that_may_lack_records_is_not_shown_as_whole(
    as_staff: Client,
    fake: MagicMock,
    address: str,
    typed: dict[str, str],
) -> None:
    def answer() -> str:
        return _text(as_staff.post(address, typed) if typed else as_staff.get(address))

    fake.list_orders.return_value = ListedOrders((), is_whole=False)
    fake.search_guests.return_value = ListedGuests((), is_whole=False)
    empty = answer()
    assert "may be incomplete" in empty
    assert "No order found" not in empty
    assert "No guest found" not in empty
    assert _recorded()[0][1]["result"] == "list_not_whole"
    order = Order(ref=SAMPLE_ORDER, reference_id="B94TXY-1")
    fake.list_orders.return_value = ListedOrders((order,), is_whole=False)
    fake.search_guests.return_value = ListedGuests((Guest(ref=GUEST_WITH_PROFILE),), is_whole=False)
    assert "There may be more" in answer()
    fake.search_guests.return_value = ListedGuests((Guest(ref=GUEST_WITH_PROFILE),), is_whole=True)
    fake.list_orders.return_value = ListedOrders((order, Order(ref=FAMILY_ORDER)), is_whole=True)
    assert "There may be more" not in answer()


def test_empty_page_and_invalid_search_make_no_call(as_staff: Client, sandbox: SandboxServer) -> None:
    assert 'role="alert"' not in _text(as_staff.get("/orders/"))
    page = _text(as_staff.get("/orders/", {"order_number": "A-1", "guest_ref": TRAVELLER}))
    assert "<title>Error: Find an order" in page
    assert '<a href="#id_guest_ref">Fill in one field only</a>' in page
    assert 'value="A-1"' in page
    assert sandbox.sandbox.requests() == []
    assert _recorded() == []


def test_search_by_one_field_leads_to_an_address_only_if_it_is_valid(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    empty = {"order_number": "", "guest_ref": "", "order_ref": ""}
    response = as_staff.post("/orders/", {**empty, "order_number": " NO-SUCH 1 "})
    assert (response.status_code, response["Location"]) == (303, "/orders/?order_number=NO-SUCH+1")
    page = _text(as_staff.post("/orders/", {**empty, "order_number": "Jane Miller"}))
    assert "This cannot be an order number: check it" in page
    assert 'value="Jane Miller"' in page
    form = re.search(r'<form[^>]*aria-label="Search by one field"[^>]*>', _text(as_staff.get("/orders/")))
    assert form
    assert 'method="post"' in form[0]
    assert sandbox.sandbox.requests() == []


def test_pasted_link_leads_to_the_order(as_staff: Client) -> None:
    link = f"https://api-engage-eu.sitecorecloud.io/v2.1/orders/{SAMPLE_ORDER}?expand=orderItems"
    response = as_staff.get("/orders/", {"order_ref": link})
    assert (response.status_code, response["Location"]) == (302, f"/orders/{SAMPLE_ORDER}/")
    assert _recorded() == []


def test_order_page_shows_fields_consumers_and_a_link_to_add_one(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    page = _text(as_staff.get(f"/orders/{FAMILY_ORDER}/"))
    for words in ("<h1>Order B4LNDQ-1</h1>", "SEK 1,288.80", "1 October 2026, 18:05", "Example Airways"):
        assert words in page
    assert "3 consumers" in page
    consumer = consumer_ref(FAMILY_ORDER, GUESTS_SHARING_EMAIL[0])
    assert f'href="/order-consumers/{consumer}/?order={FAMILY_ORDER}"' in page
    assert f'href="/consumers/new/?order={FAMILY_ORDER}"' in page
    assert "Sven Lindqvist" in page
    assert "20 January 1968" in page
    [(action, facts)] = _recorded()
    assert len(facts.pop("consumers")) == len(facts.pop("guests")) == 3
    assert (action, facts) == (
        "vendor_record.viewed", {"kind": "order", "result": "found", "shown": 3, "guest_count": 3}
    )  # fmt: skip


def test_order_page_says_who_added_a_consumer_and_links_to_visible_receipts(
    as_staff: Client, as_supervisor: Client, supervisor: User, sandbox: SandboxServer
) -> None:
    for browser, name in ((as_staff, "Ann"), (as_supervisor, "Ben")):
        assert (
            browser.post("/consumers/new/", posted(clean(first_name=name), order=FAMILY_ORDER)).status_code
            == 303
        )
    of_staff, of_supervisor = Submission.objects.order_by("id")
    page = _text(as_staff.get(f"/orders/{FAMILY_ORDER}/"))
    assert "5 consumers" in page
    assert f'href="/submissions/{of_staff.public_id}/"' in page
    assert f"by {supervisor.name}" in page
    assert str(of_supervisor.public_id) not in page
    assert "This order has the status CANCELLED." in _text(as_staff.get(f"/orders/{CANCELLED_ORDER}/"))


def test_order_without_consumers_is_shown_as_such(as_staff: Client, sandbox: SandboxServer) -> None:
    page = _text(as_staff.get(f"/orders/{SAMPLE_ORDER}/"))
    assert "No consumers yet" in page
    assert "may not be listed yet" in page


def test_empty_list_that_may_lack_consumers_is_not_shown_as_none(as_staff: Client, fake: MagicMock) -> None:
    fake.retrieve_order.return_value = Order(ref=SAMPLE_ORDER)
    fake.read_order_consumers.return_value = ListedConsumers((), (), has_ended=True, is_whole=False)
    page = _text(as_staff.get(PAGES["order"]))
    assert "No consumers read; there may be some" in page
    assert "No consumers yet" not in page


def test_order_is_shown_although_its_consumers_cannot_be_read(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("500_before", 2, FAMILY_ORDER, "list_order_consumers"))
    response = as_staff.get(f"/orders/{FAMILY_ORDER}/")
    page = _text(response)
    assert response.status_code == 200
    assert "SEK 1,288.80" in page
    assert "The consumers of this order could not be read" in page
    assert "No consumers yet" not in page
    assert "Support code" in page
    assert len(_recorded()) == 1


def test_order_consumer_page_shows_person_guest_and_vendor_links(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    ref = consumer_ref(FAMILY_ORDER, GUESTS_SHARING_EMAIL[0])
    page = _text(as_staff.get(f"/order-consumers/{ref}/", {"order": FAMILY_ORDER}))
    for words in ("Lindqvist", "20 January 1968", "Sweden (SE)", "Swedish"):
        assert words in page
    assert "<title>Order consumer: Sven Lindqvist – Consumer Portal" in page
    assert f'href="/guests/{GUESTS_SHARING_EMAIL[0]}/"' in page
    assert f'href="/orders/{FAMILY_ORDER}/"' in page
    href = f"{sandbox.base_url}/v2.1/orderConsumers/{ref}"
    assert f'<a href="{href}" target="_blank" rel="noreferrer noopener">{href}<' in page
    facts = {"kind": "order_consumer", "result": "found", "guests": [GUESTS_SHARING_EMAIL[0]]}
    assert _recorded() == [("vendor_record.viewed", facts)]


def test_back_link_of_an_order_consumer_cannot_be_forged(as_staff: Client, sandbox: SandboxServer) -> None:
    ref = consumer_ref(FAMILY_ORDER, GUESTS_SHARING_EMAIL[0])
    page = _text(as_staff.get(f"/order-consumers/{ref}/", {"order": "//elsewhere.example/"}))
    assert "elsewhere.example" not in page
    assert "Back to Find an order" in page


@pytest.mark.parametrize(("ref", "is_traveller"), [(TRAVELLER, True), (GUEST_WITH_PROFILE, False)])
def test_only_a_travellers_page_explains_where_the_orders_are(
    as_staff: Client, sandbox: SandboxServer, ref: str, is_traveller: bool
) -> None:
    page = _text(as_staff.get(f"/guests/{ref}/"))
    assert re.search("<title>Guest: [^–<]+ – Consumer Portal", page)
    assert ("only for guests identified as customers" in page) is is_traveller
    assert f'href="/orders/?guest_ref={ref}"' in page
    assert _recorded() == [("vendor_record.viewed", {"kind": "guest", "result": "found"})]


@pytest.mark.parametrize(
    ("address", "title"),
    [
        (f"/orders/{UNKNOWN_REF}/", "Order not found"),
        (f"/guests/{UNKNOWN_REF}/", "Guest not found"),
        (f"/order-consumers/{UNKNOWN_REF}/", "Order consumer not found"),
    ],
)
def test_record_missing_at_the_vendor_is_a_404_with_an_explanation(
    as_staff: Client, sandbox: SandboxServer, address: str, title: str
) -> None:
    response = as_staff.get(address)
    assert response.status_code == 404
    assert f"<h1>{title}</h1>" in _text(response)
    assert "Support code" in _text(response)
    assert [data["result"] for _action, data in _recorded()] == ["not_found"]


FAILURES: list[tuple[CdpError, int, str]] = [
    (CdpUnauthorized(http_status=401, vendor_message=MARK), 502, "could not sign in to Sitecore CDP"),
    (CdpRefused(http_status=403, vendor_message=MARK), 502, "refused the portal"),
    (CdpInvalid(http_status=400, field="x", vendor_message=MARK), 502, "did not accept the request"),
    (
        CdpRateLimited(http_status=429, retry_after=30.0, vendor_message=MARK),
        503,
        "received too many requests",
    ),
    (CdpServerFault("http_500", http_status=500, vendor_message=MARK), 502, "error (500)"),
    (CdpMalformedAnswer(http_status=200), 502, "could not be read"),
    (CdpConnectionLost(), 502, "ended before the answer arrived"),
    (CdpTimeout("read_timeout"), 504, "did not answer in time"),
    (CdpUnreachable("connect_timeout"), 504, "did not answer the connection in time"),
    (CdpUnreachable("connect_refused"), 503, "did not accept the connection"),
    (CdpUnreachable("name_not_resolved"), 503, "was not found"),
    (CdpUnreachable("tls_failed"), 503, "not secure"),
    (CdpNotConfigured(detail=MARK), 503, "is not set up"),
]


# Every failure on one page, and one failure on every page.
CASES = [("order", failure) for failure in FAILURES]
CASES += [(page, FAILURES[0]) for page in PAGES if page != "order"]


@pytest.mark.parametrize(("page", "failure"), CASES)
def test_every_failure_of_the_vendor_is_a_page_with_an_explanation(
    as_staff: Client,
    fake: MagicMock,
    caplog: pytest.LogCaptureFixture,
    page: str,
    failure: tuple[CdpError, int, str],
) -> None:
    error, status, words = failure
    getattr(fake, "list_orders" if page == "orders" else f"retrieve_{page}").side_effect = error
    with caplog.at_level(logging.DEBUG):
        response = as_staff.get(PAGES[page])
    text = _text(response)
    assert (response.status_code, words in text) == (status, True)
    assert "Support code" in text
    assert MARK not in text
    assert MARK not in caplog.text
    assert [data["result"] for _action, data in _recorded()] == [error.code]


def test_failed_page_and_search_name_a_long_wait_that_the_vendor_asked_for(
    as_staff: Client, fake: MagicMock
) -> None:
    error = CdpRateLimited(http_status=429, retry_after=1_800.0)
    fake.retrieve_order.side_effect = fake.search_guests.side_effect = error
    for response in (as_staff.get(PAGES["order"]), as_staff.post("/guests/", {"email": SHARED_EMAIL})):
        assert re.search(r"Try again after \d+ \w+ \d{4}, \d\d:\d\d\.", _text(response))
        assert "in a minute" not in _text(response)


def test_pages_of_records_and_searches_leave_a_slot_to_creates(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    with lookup_slots_taken(settings):
        answers = [as_staff.get(address) for address in PAGES.values()]
        answers.append(as_staff.post("/guests/", {"email": SHARED_EMAIL}))
        assert [one.status_code for one in answers] == [503] * len(answers)
        assert sandbox.sandbox.requests() == []
        assert as_staff.post("/consumers/new/", posted(clean(), order=SAMPLE_ORDER)).status_code == 303
    assert [data["result"] for _action, data in _recorded()] == ["busy"] * len(answers)


def test_unreachable_vendor_is_a_page(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.stop()
    response = as_staff.get(PAGES["order"])
    assert response.status_code == 503
    assert "Sitecore CDP did not accept the connection." in _text(response)
    assert f'href="{PAGES["order"]}">Try again</a>' in _text(response)


def test_markup_in_vendor_fields_stays_text(as_staff: Client, fake: MagicMock) -> None:
    script = "<script>alert(1)</script>"
    order = Order(ref=SAMPLE_ORDER, reference_id=script, status=script, href=f"https://x/{script}")
    fake.retrieve_order.return_value = order
    fake.list_orders.return_value = ListedOrders((order,), is_whole=True)
    person = OrderConsumer(ref="../../x", first_name=script)
    fake.read_order_consumers.return_value = ListedConsumers(
        ("../../x", script), (person,), has_ended=True, is_whole=True
    )
    for page in ("order", "orders"):
        text = _text(as_staff.get(PAGES[page]))
        assert "alert(1)" in text
        assert script not in text


def test_link_to_another_host_is_shown_as_text(as_staff: Client, fake: MagicMock) -> None:
    fake.retrieve_order.return_value = Order(ref=SAMPLE_ORDER, href="https://elsewhere.example/o")
    fake.read_order_consumers.return_value = ListedConsumers((), (), has_ended=True, is_whole=True)
    text = _text(as_staff.get(PAGES["order"]))
    assert "https://elsewhere.example/o" in text
    assert 'href="https://elsewhere.example' not in text


@pytest.mark.parametrize("page", PAGES)
def test_administrator_cannot_look_up_orders(as_administrator: Client, fake: MagicMock, page: str) -> None:
    assert as_administrator.get(PAGES[page]).status_code == 403
    assert fake.method_calls == []
    assert _recorded() == []


def test_anonymous_request_leads_to_the_sign_in(client: Client, fake: MagicMock) -> None:
    for address in PAGES.values():
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))
    assert fake.method_calls == []


@pytest.mark.parametrize("page", [name for name in PAGES if name != "orders"])
def test_pages_of_records_accept_only_get(as_supervisor: Client, fake: MagicMock, page: str) -> None:
    assert as_supervisor.post(PAGES[page]).status_code == 405
    assert fake.method_calls == []


def test_the_setting_turns_the_order_pages_off(settings: Settings, as_staff: Client, staff: User) -> None:
    address = f"/submissions/{store(staff, Outcome.CREATED, guest_ref=GUEST_WITH_PROFILE).public_id}/"
    for path in ("/", address):
        assert ORDER_PAGE_LINK.search(_text(as_staff.get(path)))
    settings.CDP_ORDER_PAGES = False
    for path in ("/", address):
        assert not ORDER_PAGE_LINK.search(_text(as_staff.get(path)))
    pattern = get_resolver().namespace_dict["orders"][1]
    names = {key for key in pattern.reverse_dict if isinstance(key, str)}
    assert len(names) == 5
    for name in names:
        args = [] if name in ("orders", "guests") else [UNKNOWN_REF]
        answer = as_staff.get(reverse(f"orders:{name}", args=args))
        assert (name, answer.status_code) == (name, 404)
        assert "Page not found" in _text(answer)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("b4lndq-1", f"/orders/{FAMILY_ORDER}/"),
        (SAMPLE_ORDER.upper(), f"/orders/{SAMPLE_ORDER.upper()}/"),
        (f"https://api-engage-eu.sitecorecloud.io/v2.1/orders/{SAMPLE_ORDER}", f"/orders/{SAMPLE_ORDER}/"),
    ],
)
def test_box_leads_to_the_order(as_staff: Client, sandbox: SandboxServer, typed: str, address: str) -> None:
    response = as_staff.post("/orders/", {"order": typed})
    assert (response.status_code, response["Location"]) == (303, address)


def test_box_offers_orders_with_the_same_number(as_staff: Client, sandbox: SandboxServer) -> None:
    page = _text(as_staff.post("/orders/", {"order": REPEATED_REFERENCE_ID.lower()}))
    assert "2 orders found" in page
    assert f'value="{REPEATED_REFERENCE_ID.lower()}"' in page


def test_box_refuses_an_email_address_and_what_is_empty(as_staff: Client, sandbox: SandboxServer) -> None:
    assert "This is an email address." in _text(as_staff.post("/orders/", {"order": "a@example.com"}))
    assert "Enter an order number" in _text(as_staff.post("/orders/", {"order": " "}))
    assert sandbox.sandbox.requests() == []


@pytest.mark.parametrize(
    ("address", "operation", "typed"),
    [
        ("/orders/", "list_orders", {"order": "B4LNDQ-1"}),
        ("/guests/", "search_guests", {"email": SHARED_EMAIL}),
        ("/guests/", "search_guests", {"provider": "LoyaltyProgramme", "identifier": "LP-0048213"}),
    ],
)
def test_failed_search_keeps_what_was_typed(
    as_staff: Client, sandbox: SandboxServer, address: str, operation: str, typed: dict[str, str]
) -> None:
    sandbox.sandbox.faults.arm(Armed("500_before", operation=operation, times=2))
    response = as_staff.post(address, typed)
    assert response.status_code == 502
    assert typed.items() <= on_page(response).items()
    page = _text(response)
    assert 'role="alert"' in page
    assert "Sitecore CDP answered with an error (500)." in page
    assert "Support code: " in page
    assert as_staff.post(address, typed).status_code in (200, 303)


def test_guests_are_found_by_email_and_their_orders_are_one_click_away(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    page = _text(as_staff.post("/guests/", {"email": SHARED_EMAIL}))
    assert "2 guests found" in page
    for ref, name in zip(GUESTS_SHARING_EMAIL, ("Sven Lindqvist", "Ingrid Lindqvist"), strict=True):
        assert f'href="/guests/{ref}/"' in page
        assert f'href="/orders/?guest_ref={ref}"' in page
        assert name in page
    search = RecordedSearch.objects.get()
    assert personal_data.text(search, "encrypted_values") == json.dumps({"email": SHARED_EMAIL})
    data = {"kind": "guest", "by": ["email"], "search": str(search.public_id), "result": "found", "count": 2}
    data |= {"guests": [*GUESTS_SHARING_EMAIL], "guest_count": 2}
    assert _recorded() == [("vendor_records.searched", data)]


def test_loyalty_identifier_leads_through_guest_and_order_to_a_create(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    found = _text(as_staff.post("/guests/", {"provider": "LoyaltyProgramme", "identifier": "LP-0048213"}))
    assert "1 guest found" in found
    orders = _text(as_staff.get("/orders/", {"guest_ref": GUEST_WITH_LOYALTY}))
    [order] = re.findall(r'href="/consumers/new/\?order=([^"]+)"', orders)
    response = as_staff.post("/consumers/new/", posted(clean(), order=order))
    assert response.status_code == 303
    assert Submission.objects.get().order_ref == order
    assert "LP-0048213" not in json.dumps(_recorded())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({}, "Enter an email address or an identifier"),
        ({"email": "Byrne"}, "Enter the email address in full"),
        ({"provider": "LoyaltyProgramme"}, "Enter the ID for this provider"),
        ({"identifier": "LP-1"}, "Choose the provider of this identifier"),
        ({"email": "a@b.ie", "identifier": "LP-1"}, "not by both"),
    ],
)
def test_search_for_guests_needs_one_complete_criterion(
    as_staff: Client, sandbox: SandboxServer, typed: dict[str, str], message: str
) -> None:
    page = _text(as_staff.post("/guests/", typed))
    assert "<title>Error: Find a guest" in page
    assert message in page
    assert sandbox.sandbox.requests() == []


def test_searches_for_guests_are_limited_and_failures_shown(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.SEARCHES_PER_HOUR = 2
    assert "No guest found" in _text(as_staff.post("/guests/", {"email": "nobody@example.com"}))
    sandbox.sandbox.faults.arm(Armed("401", operation="search_guests"))
    assert as_staff.post("/guests/", {"email": SHARED_EMAIL}).status_code == 502
    assert [event["search"] for _action, event in _recorded()] == [
        str(one.public_id) for one in RecordedSearch.objects.order_by("pk")
    ]
    assert as_staff.post("/guests/", {"email": SHARED_EMAIL}).status_code == 429


def test_guest_cannot_be_searched_for_by_an_address(as_staff: Client, sandbox: SandboxServer) -> None:
    page = _text(as_staff.get("/guests/", {"email": SHARED_EMAIL}))
    assert SHARED_EMAIL not in page
    assert sandbox.sandbox.requests() == []
