"""What an answer shows about the connection itself; an odd Date is ignored."""

from __future__ import annotations

import datetime as dt

import pytest

from apps.cdp.exchange import AnswerHealth
from tests.support.cdp_clients import GOOD, ORDER, client_of, create, failed_create
from tests.support.scripted_servers import Serve, always, answer

UNAUTHORIZED = {"status": "UNAUTHORIZED", "code": 401, "message": "no"}


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 99 Jan 2026 00:00:00 GMT",
        "Mon, 01 Jan 2026 99:99:99 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_unreadable_date_header_fails_no_answer(serve: Serve, date: str) -> None:
    reported: list[AnswerHealth] = []
    server = serve(always(answer(200, GOOD, headers={"Date": date})))
    assert create(client_of(server.url, report_health=reported.append)).consumer.ref == GOOD["ref"]
    assert [health.status for health in reported] == [200]


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_difference_of_the_clocks_is_in_seconds(serve: Serve, zone: str) -> None:
    reported: list[AnswerHealth] = []
    now = dt.datetime(2026, 3, 7, 12, 0, 30, tzinfo=dt.UTC)
    server = serve(always(answer(401, UNAUTHORIZED, headers={"Date": f"Sat, 07 Mar 2026 12:00:00 {zone}"})))
    client = client_of(server.url, report_health=reported.append, clock=lambda: now)
    failed_create(client, deadline=now + dt.timedelta(days=1))
    assert reported == [AnswerHealth(401, 30.0)]


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Tue, 09 Mar 2027 12:00:30 GMT", None),
        ("Mon, 09 Mar 2026 12:00:30 GMT", -2 * 86_400.0),  # the machine's clock may be days late
    ],
)
def test_difference_that_no_clock_can_have_is_not_measured(
    serve: Serve, date: str, ahead: float | None
) -> None:
    reported: list[AnswerHealth] = []
    now = dt.datetime(2026, 3, 7, 12, 0, 30, tzinfo=dt.UTC)
    server = serve(always(answer(200, {"items": []}, headers={"Date": date})))
    client_of(server.url, report_health=reported.append, clock=lambda: now).observe_order_consumers(ORDER)
    assert [health.clock_ahead for health in reported] == [ahead]


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (401, b"<html>Sign in to the proxy</html>"),
        (403, b'{"message": "Forbidden"}'),
        (404, b"<html>Not found</html>"),
        (200, b"<html>Sign in to the network</html>"),
        (300, b'{"choices": []}'),
        (503, b"<html>Try later</html>"),
    ],
)
def test_page_of_another_server_does_not_change_the_health(serve: Serve, status: int, raw: bytes) -> None:
    reported: list[AnswerHealth] = []
    server = serve(always(answer(status, raw=raw, headers={"Date": "Sat, 07 Mar 2026 12:00:00 GMT"})))
    failed_create(client_of(server.url, report_health=reported.append))
    assert reported == []


@pytest.mark.parametrize("headers", [{"Age": "30"}, {"X-Cache": "TCP_HIT"}, {"X-Cache-Status": "STALE"}])
def test_answer_from_a_cache_does_not_change_the_health(serve: Serve, headers: dict[str, str]) -> None:
    reported: list[AnswerHealth] = []
    server = serve(always(answer(200, {"items": []}, headers=headers)))
    client_of(server.url, report_health=reported.append).observe_order_consumers(ORDER)
    assert reported == []
