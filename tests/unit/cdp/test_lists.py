"""Lists: complete, with every shape of page, or an error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from apps.cdp.client import MAX_DETAILS, CdpClient
from apps.cdp.errors import (
    CdpListUnfinished,
    CdpMalformedAnswer,
    CdpTimeout,
    CdpUnexpected,
)
from apps.cdp.paging import PAGE_LIMIT
from tests.support.cdp_clients import ORDER, client_of
from tests.support.scripted_servers import Peer, Request, Script, Serve, always, answer


def _by_query(reply: Mapping[str, object]) -> Script:
    """Answer by the requested offset; an empty page for any other."""

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            page = reply.get(_query(request).get("offset", "0"), {"items": []})
            peer.send(answer(200, page))

    return script


def _query(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


def test_list_has_one_limit_for_all_pages(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while peer.read_request():
            time.sleep(0.15)
            peer.send(answer(200, {"items": [{"ref": f"r{len(peer.server.requests)}"}]}))

    server = serve(script)
    began = time.monotonic()
    with pytest.raises(CdpListUnfinished) as caught:
        client_of(server.url, total=20).observe_order_consumers(ORDER, within=0.5)
    assert caught.value.code == "total_timeout"
    assert time.monotonic() - began < 10


def test_no_attempt_exceeds_the_limit_of_its_list(serve: Serve) -> None:
    server = serve(Peer.wait_for_end)
    began = time.monotonic()
    with pytest.raises(CdpTimeout) as caught:
        client_of(server.url, read=15, total=20).observe_order_consumers(ORDER, within=0.3)
    assert not isinstance(caught.value, CdpListUnfinished), "No page was answered"
    assert time.monotonic() - began < 10


def test_unanswered_page_within_the_limit_is_not_reported_as_a_too_long_list(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer(200, {"items": [{"ref": "a"}]}))
        peer.wait_for_end()

    with pytest.raises(CdpTimeout) as caught:
        client_of(serve(script).url, read=0.3, total=20).observe_order_consumers(ORDER, within=10)
    assert (type(caught.value), caught.value.code) == (CdpTimeout, "read_timeout")


@pytest.mark.parametrize(
    ("within", "code", "kind"),
    [
        (60, "read_timeout", CdpTimeout),
        (60, "total_timeout", CdpListUnfinished),
        (0, "read_timeout", CdpListUnfinished),  # both limits passed: the last read has only the time left
    ],
)
def test_list_is_unfinished_if_its_time_has_passed(
    monkeypatch: pytest.MonkeyPatch, within: float, code: str, kind: type[CdpTimeout]
) -> None:
    monkeypatch.setattr(CdpClient, "_order_items", lambda *_: ([], False, CdpTimeout(code)))
    client = client_of("http://127.0.0.1:1", total=60)
    with pytest.raises(CdpTimeout) as caught:
        client.observe_order_consumers(ORDER, within=within)
    assert type(caught.value) is kind


def test_list_follows_offsets_until_an_empty_page(serve: Serve) -> None:
    pages = {
        "0": {"items": [{"ref": "a"}, {"href": "https://x/v2.1/orderConsumers/b?x=1"}]},
        "2": {"items": [{"ref": "c"}]},
    }
    server = serve(_by_query(pages))
    assert client_of(server.url).observe_order_consumers(ORDER).refs == ("a", "b", "c")
    first = server.requests[0]
    assert first.target.startswith(f"/v2.1/orders/{ORDER}/consumers?")
    assert _query(first) == {"expand": "true", "limit": "100"}
    assert [_query(request).get("offset") for request in server.requests] == [None, "2", "3"]


def test_list_ends_at_a_page_without_new_entries(serve: Serve) -> None:
    server = serve(always(answer(200, {"items": [{"ref": "a"}, {"ref": "A"}, {"ref": "b"}]})))
    assert client_of(server.url).observe_order_consumers(ORDER).refs == ("a", "b")
    assert len(server.requests) == 2


def test_endless_list_is_an_error(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(answer(200, {"items": [{"ref": f"r{len(peer.server.requests)}"}]}))

    server = serve(script)
    with pytest.raises(CdpUnexpected) as caught:
        client_of(server.url, total=20).observe_order_consumers(ORDER)
    assert caught.value.code == "list_too_long"
    assert len(server.requests) == PAGE_LIMIT


def test_next_link_is_followed_only_on_our_host(serve: Serve) -> None:
    foreign = serve(always(answer(200, {"items": [{"ref": "stolen"}]})))
    path = f"/v2.1/orders/{ORDER}/consumers"

    def script(peer: Peer) -> None:
        own, page = peer.server.url, {"0": "a", "50": "b"}
        while request := peer.read_request():
            offset = _query(request).get("offset", "0")
            link = f"{own}{path}?offset=50&limit=10" if offset == "0" else f"{foreign.url}{path}?offset=77"
            body = {
                "Items": [{"Ref": page[offset]}] if offset in page else [],
                "Next": {"Href": link},
            }
            peer.send(answer(200, body))

    server = serve(script)
    assert client_of(server.url).observe_order_consumers(ORDER).refs == ("a", "b")
    assert [_query(request).get("offset") for request in server.requests] == [None, "50", "2"]
    assert _query(server.requests[1])["limit"] == "10"
    assert foreign.connections == 0


def test_link_to_another_collection_is_not_followed(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while request := peer.read_request():
            items = [{"ref": "a"}] if "offset" not in _query(request) else []
            peer.send(
                answer(200, {"items": items, "next": {"href": f"{peer.server.url}/v2.1/guests?offset=33"}})
            )

    server = serve(script)
    assert client_of(server.url).observe_order_consumers(ORDER).refs == ("a",)
    assert all("/consumers?" in request.target for request in server.requests)
    assert [_query(request).get("offset") for request in server.requests] == [None, "1"]


def test_published_link_that_contradicts_the_offset_loses_no_entry(serve: Serve) -> None:
    """The vendor's examples always print offset=1&limit=10 (contract 1.6)."""
    refs = [f"r{number}" for number in range(25)]

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            offset = int(_query(request).get("offset", "0"))
            link = f"{peer.server.url}/v2.1/orders/{ORDER}/consumers?offset=1&limit=10"
            items = [{"ref": ref} for ref in refs[offset : offset + 10]]
            peer.send(answer(200, {"limit": 10, "items": items, "next": {"href": link}}))

    server = serve(script)
    assert client_of(server.url).observe_order_consumers(ORDER).refs == tuple(refs)


@pytest.mark.parametrize(
    "page",
    [
        {},
        [],
        {"items": None},
        {"items": {}},
        {"items": [None]},
        {"items": [{}]},
        {"items": [{"ref": ""}]},
        {"items": [{"ref": 1}]},
        {"items": [{"href": "https://x/v2.1/guests?email=a"}]},
        {"items": [{"href": "https://x/v2.1/orders/a/consumers"}]},
        {"items": [{"ref": "good"}, "bad"]},
    ],
)
def test_list_with_an_unreadable_entry_is_an_error(serve: Serve, page: object) -> None:
    server = serve(always(answer(200, page)))
    with pytest.raises(CdpMalformedAnswer):
        client_of(server.url).observe_order_consumers(ORDER)


def test_bare_links_are_retrieved_and_a_missing_one_stays_a_reference(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while request := peer.read_request():
            path = urlsplit(request.target).path
            if path == "/v2.1/orders":
                first = "offset" not in _query(request)
                items = (
                    [{"href": f"{peer.server.url}/v2.1/orders/{ref}"} for ref in ("one", "two")]
                    if first
                    else []
                )
                peer.send(answer(200, {"items": items}))
            elif path.endswith("/one"):
                peer.send(answer(200, {"ref": "one", "status": "CONFIRMED", "price": 99.95}))
            else:
                peer.send(answer(404, {"status": 404, "code": 404, "message": "no"}))

    server = serve(script)
    one, two = client_of(server.url).list_orders(reference_id="B94TXY-1").orders
    assert (one.ref, one.status, str(one.price)) == ("one", "CONFIRMED", "99.95")
    assert (two.ref, two.status) == ("two", "")


def test_only_the_first_bare_links_are_retrieved(serve: Serve) -> None:
    """A list of references must not become a thousand requests."""
    refs = [f"g{number}" for number in range(MAX_DETAILS + 3)]

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            ref = urlsplit(request.target).path.rpartition("/")[2]
            if ref in refs:
                peer.send(answer(200, {"ref": ref, "guestType": "traveller"}))
            else:
                found = [] if "offset" in _query(request) else [{"ref": one} for one in refs]
                peer.send(answer(200, {"items": found}))

    guests = client_of(serve(script).url, total=10).search_guests(email="a@b.example").guests
    assert [guest.ref for guest in guests] == refs
    types = [guest.guest_type for guest in guests]
    assert types == ["traveller"] * MAX_DETAILS + [""] * 3


def test_expanded_entries_are_not_retrieved_again(serve: Serve) -> None:
    server = serve(
        _by_query({"0": {"items": [{"ref": "g1", "guestType": "traveller", "email": "a@b.example"}]}})
    )
    found = client_of(server.url).search_guests(email="a@b.example")
    (guest,) = found.guests
    assert found.is_whole
    assert (guest.guest_type, guest.email) == ("traveller", "a@b.example")
    assert all(request.target.startswith("/v2.1/guests?") for request in server.requests)


def test_guest_of_an_order_without_data_is_retrieved(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while request := peer.read_request():
            single = urlsplit(request.target).path == "/v2.1/guests/g1"
            data = {"ref": "g1", "firstName": "Ida"} if single else {"items": [{"ref": "g1"}]}
            peer.send(answer(200, data))

    (guest,) = client_of(serve(script).url).guests_of_order(ORDER, within=5)
    assert (guest.ref, guest.first_name) == ("g1", "Ida")


def test_guests_of_an_order_are_read_in_one_call(serve: Serve) -> None:
    first = {"items": [{"ref": "g1", "firstName": "Ida"}], "next": {"href": "/v2.1/guests?offset=1"}}
    server = serve(_by_query({"0": first, "1": {"items": [{"ref": "g2", "firstName": "Ole"}]}}))
    (guest,) = client_of(server.url).guests_of_order(ORDER, within=5)
    assert (guest.ref, guest.first_name) == ("g1", "Ida")
    assert len(server.requests) == 1


# --- The value of a list as evidence --------------------------------------------------------------
def page(*refs: str, link: str = "", headers: dict[str, str] | None = None) -> bytes:
    """One page; `link` is the query of its next one."""
    body: dict[str, object] = {"items": [{"ref": ref} for ref in refs]}
    if link:
        body["next"] = {"href": f"https://elsewhere.example/v2.1/orders/{ORDER}/consumers?{link}"}
    return answer(200, body, headers=headers)


@pytest.mark.parametrize(
    ("pages", "refs", "is_whole"),
    [
        ([page()], (), True),
        ([page("a", "b"), page()], ("a", "b"), True),
        ([page("a", "b"), page("c"), page()], ("a", "b", "c"), True),
        # An entry that appears twice stands for one that was missed, whatever its case and dashes.
        ([page("a", "b"), page("b"), page()], ("a", "b"), False),
        ([page("a-1", "b"), page("A1", "c"), page()], ("a-1", "b", "c"), False),
        ([page("a", "a"), page()], ("a",), False),
        # The server returns the same page for every offset: the rest was never seen.
        ([page("a", "b"), page("a", "b")], ("a", "b"), False),
        # The last page announces another one.
        ([page("a"), page(link="offset=1")], ("a",), False),
        ([page(link="offset=100")], (), False),
        # A cache answered despite no-cache.
        ([page("a", headers={"Age": "0"}), page()], ("a",), False),
        ([page("a"), page(headers={"Age": "7"})], ("a",), False),
        ([page("a", headers={"X-Cache": "HIT from edge"}), page()], ("a",), False),
        ([page("a", headers={"Cache-Status": "Edge; hit; ttl=30"}), page()], ("a",), False),
        (
            [page("a", headers={"X-Cache": "MISS", "Cache-Status": "Edge; fwd=uri-miss"}), page()],
            ("a",),
            True,
        ),
    ],
)
def test_list_is_complete_if_nothing_can_have_been_missed(
    serve: Serve, pages: list[bytes], refs: tuple[str, ...], is_whole: bool
) -> None:
    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(pages[min(len(peer.server.requests), len(pages)) - 1])

    observed = client_of(serve(script).url).observe_order_consumers(ORDER)
    assert (observed.refs, observed.is_whole) == (refs, is_whole)


@pytest.mark.parametrize(
    ("name", "value", "is_whole"),
    [
        ("X-Cache", "TCP_HIT", False),
        ("X-Cache", "TCP_REMOTE_HIT", False),
        ("X-Cache", "TCP_MEM_HIT from edge", False),
        ("X-Cache", "TCP_MISS", True),
        ("X-Cache", "PRIVATE_NOSTORE", True),
        ("X-Cache", "Hit from cloudfront", False),
        ("X-Cache", "RefreshHit from cloudfront", True),  # the vendor confirmed it
        ("X-Cache", "MISS, HIT", False),  # of two caches
        ("X-Cache-Remote", "TCP_HIT", False),
        ("X-Cache-Lookup", "HIT from squid:3128", True),
        ("X-Cache-Status", "HIT", False),
        ("X-Cache-Status", "STALE", False),
        ("X-Cache-Status", "UPDATING", False),
        ("X-Cache-Status", "EXPIRED", True),
        ("X-Cache-Status", "MISS", True),
        ("X-Cache-Status", "BYPASS", True),
        ("CF-Cache-Status", "HIT", False),
        ("CF-Cache-Status", "DYNAMIC", True),
        ("X-Proxy-Cache", "HIT", False),
        ("X-Proxy-Cache", "MISS", True),
        ("Cache-Status", "Edge; fwd=stale; stored", True),
        ("Cache-Status", "Edge; fwd=uri-miss, Origin; hit", False),
        ("X-Whitelist", "hit", True),
    ],
)
def test_list_with_a_page_that_a_cache_answered_is_not_whole(
    serve: Serve, name: str, value: str, is_whole: bool
) -> None:
    pages = [page("a", headers={name: value}), page()]

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(pages[min(len(peer.server.requests), len(pages)) - 1])

    observed = client_of(serve(script).url).observe_order_consumers(ORDER)
    assert observed.is_whole is is_whole


@pytest.mark.parametrize(("headers", "is_whole"), [({}, True), ({"Age": "7"}, False)])
def test_list_of_orders_says_whether_one_can_have_been_missed(
    serve: Serve, headers: dict[str, str], is_whole: bool
) -> None:
    order = {"ref": ORDER, "referenceId": "B94TXY-1", "status": "CONFIRMED"}

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            found = [] if "offset" in _query(request) else [order]
            peer.send(answer(200, {"items": found}, headers=headers))

    listed = client_of(serve(script).url).list_orders(reference_id="B94TXY-1")
    assert ([one.ref for one in listed.orders], listed.is_whole) == ([ORDER], is_whole)


@pytest.mark.parametrize(
    ("links", "is_whole"),
    [
        ({0: "offset=10&limit=10", 10: "offset=20&limit=10", 20: ""}, True),
        ({0: "offset=1&limit=10", 10: "offset=1&limit=10"}, True),  # as printed: overlapping, and consistent
        ({0: "offset=0&limit=10"}, True),
        ({0: "offset=12&limit=10"}, False),  # a gap
        ({0: "page=2"}, False),  # the position of that page is unknown
    ],
)
def test_consistent_overlapping_pages_leave_no_gap(
    serve: Serve, links: dict[int, str], is_whole: bool
) -> None:
    refs = [f"r{number}" for number in range(25)]

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            asked = _query(request)
            offset = 10 if "page" in asked else int(asked.get("offset", "0"))
            body: dict[str, object] = {"items": [{"ref": ref} for ref in refs[offset : offset + 10]]}
            if links.get(offset):
                path = f"/v2.1/orders/{ORDER}/consumers"
                body["next"] = {"href": f"{peer.server.url}{path}?{links[offset]}"}
            peer.send(answer(200, body))

    observed = client_of(serve(script).url).observe_order_consumers(ORDER)
    assert observed.is_whole is is_whole
    if is_whole:
        assert observed.refs == tuple(refs)


def test_consumers_are_read_with_their_data(serve: Serve) -> None:
    pages = {"0": {"items": [{"ref": "a", "firstName": "Ann"}, {"ref": "b", "firstName": "Ben"}]}}
    server = serve(_by_query(pages))
    read = client_of(server.url).read_order_consumers(ORDER)
    assert [one.first_name for one in read.consumers] == ["Ann", "Ben"]
    assert (read.refs, read.has_ended, read.is_whole) == (("a", "b"), True, True)
    assert len(server.requests) == 2
    assert "Ann" not in repr(read)


def test_of_a_list_of_references_the_first_consumers_are_retrieved(serve: Serve) -> None:
    refs = [f"r{number}" for number in range(40)]

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            if "/orderConsumers/" not in request.target:
                items = [] if "offset" in _query(request) else [{"ref": ref} for ref in refs]
                peer.send(answer(200, {"items": items}))
            elif request.target.endswith("/r3"):
                peer.send(answer(404, {"status": 404, "code": 404, "message": "gone"}))
            else:
                peer.send(answer(200, {"ref": request.target.rpartition("/")[2], "firstName": "Ann"}))

    server = serve(script)
    read = client_of(server.url).read_order_consumers(ORDER)
    assert [one.ref for one in read.consumers] == [ref for ref in refs[:MAX_DETAILS] if ref != "r3"]
    assert (read.refs, read.is_whole) == (tuple(refs), True)
    assert len(server.requests) == 2 + MAX_DETAILS


def test_after_a_failed_retrieval_no_further_one_is_attempted(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while request := peer.read_request():
            if "/orderConsumers/" in request.target:
                peer.send(answer(418, {}))
            else:
                items = [{"ref": "a"}, {"ref": "b"}, {"ref": "c", "firstName": "Ann"}]
                peer.send(answer(200, {"items": [] if "offset" in _query(request) else items}))

    server = serve(script)
    read = client_of(server.url).read_order_consumers(ORDER)
    assert (read.refs, [one.ref for one in read.consumers]) == (("a", "b", "c"), ["c"])
    assert [request.target for request in server.requests if "orderConsumers" in request.target] == [
        "/v2.1/orderConsumers/a"
    ]


def test_without_details_no_entry_is_retrieved_by_itself(serve: Serve) -> None:
    entries = [{"ref": "a", "firstName": "Aoife"}, {"ref": "b"}, {"ref": "c", "emails": ["c@example.com"]}]
    server = serve(_by_query({"0": {"items": entries}}))
    read = client_of(server.url).read_order_consumers(ORDER, details=False)
    assert (read.refs, read.has_ended, read.is_whole) == (("a", "b", "c"), True, True)
    assert [(one.ref, one.first_name, one.emails) for one in read.consumers] == [
        ("a", "Aoife", ()),
        ("c", "", ("c@example.com",)),
    ]
    assert len(server.requests) == 2


def test_reading_that_fails_later_keeps_what_was_read(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer(200, {"items": [{"ref": "a", "firstName": "Ann"}]}))
        peer.wait_for_end()

    read = client_of(serve(script).url).read_order_consumers(ORDER, within=0.5)
    assert [one.ref for one in read.consumers] == ["a"]
    assert (read.has_ended, read.is_whole) == (False, False)


def test_reading_without_a_first_page_fails(serve: Serve) -> None:
    with pytest.raises(CdpTimeout):
        client_of(serve(Peer.wait_for_end).url).read_order_consumers(ORDER, within=0.3)
