"""The client of this process, from the settings."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import override_settings
from pytest_django import Settings

from apps.cdp import factory
from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpNotConfigured
from apps.cdp.exchange import AnswerHealth, Exchange
from apps.cdp.factory import answer_received, get_client
from apps.core import clock
from tests.support.cdp_clients import GOOD, create, failed_create
from tests.support.scripted_servers import Peer, Serve, always, answer

SETTINGS = {
    "CDP_CLIENT_KEY": "key",
    "CDP_API_TOKEN": "token",
    "CDP_EXTRA_HOSTS": [],
    "CDP_CONNECT_TIMEOUT": 1.5,
    "CDP_READ_TIMEOUT": 2.5,
    "CDP_TOTAL_TIMEOUT": 3.5,
    "CDP_CA_FILE": "",
    "CDP_PROXY": "",
    "CDP_MAX_ANSWER_BYTES": 1_000,
    "CDP_POOL_SIZE": 2,
}


def test_process_has_one_client_until_a_setting_changes(serve: Serve) -> None:
    server = serve(always(answer(200, GOOD)))
    with override_settings(**SETTINGS, CDP_BASE_URL=server.url):
        client = get_client()
        assert get_client() is client
        assert create(client).consumer.ref == GOOD["ref"]
        assert client.is_own_link(f"{server.url}/v2.1/orders/1")
        with override_settings(CDP_CLIENT_KEY="other"):
            assert get_client() is not client


def test_three_limits_reach_the_wire(serve: Serve) -> None:
    server = serve(Peer.wait_for_end)
    with override_settings(**SETTINGS, CDP_BASE_URL=server.url):
        exchange = get_client()._exchange
    assert isinstance(exchange, Exchange)
    limits = exchange.limits
    assert (limits.connect, limits.read, limits.total) == (1.5, 2.5, 3.5)
    with override_settings(**{**SETTINGS, "CDP_READ_TIMEOUT": 0.1}, CDP_BASE_URL=server.url):
        assert failed_create(get_client()).code == "read_timeout"


def test_every_other_setting_reaches_the_exchange() -> None:
    changed = {
        "CDP_BASE_URL": "https://cdp.example.test",
        "CDP_EXTRA_HOSTS": ["cdp.example.test"],
        "CDP_PROXY": "http://127.0.0.1:3128",
        "CDP_IN_FLIGHT": 3,
        "CDP_POOL_SIZE": 7,
    }
    with override_settings(**{**SETTINGS, **changed}):
        exchange = get_client()._wire()
    assert str(exchange.transport.base) == "https://cdp.example.test"
    assert exchange.transport._proxies == {"https": "http://127.0.0.1:3128"}
    assert vars(exchange.transport._pooled)["_pool_maxsize"] == 7
    assert vars(exchange.slots._free)["_initial_value"] == 3
    assert exchange.clock is clock.now


def test_signal_reports_the_health_of_each_answer(serve: Serve) -> None:
    received: list[tuple[object, AnswerHealth]] = []

    def receive(sender: object, health: AnswerHealth, **_: object) -> None:
        received.append((sender, health))

    answer_received.connect(receive)
    server = serve(always(answer(200, GOOD)))
    try:
        with override_settings(**SETTINGS, CDP_BASE_URL=server.url):
            create(get_client())
    finally:
        answer_received.disconnect(receive)
    assert received == [(CdpClient, AnswerHealth(200, None))]


def test_size_limit_reaches_the_wire(serve: Serve) -> None:
    server = serve(always(answer(200, {**GOOD, "title": "x" * 2_000})))
    with override_settings(**SETTINGS, CDP_BASE_URL=server.url):
        assert failed_create(get_client()).code == "answer_too_large"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CDP_BASE_URL", ""),
        ("CDP_BASE_URL", "https://evil.example"),
        ("CDP_CLIENT_KEY", ""),
        ("CDP_API_TOKEN", ""),
        ("CDP_READ_TIMEOUT", 0),
        ("CDP_CA_FILE", "/nowhere.pem"),
        ("CDP_PROXY", "nonsense"),
    ],
)
def test_unusable_setting_raises_at_the_call_and_nothing_is_sent(
    serve: Serve, name: str, value: object
) -> None:
    server = serve(always(answer(200, GOOD)))
    with override_settings(**{**SETTINGS, "CDP_BASE_URL": server.url, name: value}):
        error = failed_create(get_client())
    assert isinstance(error, CdpNotConfigured)
    assert (error.outcome, error.code) == ("not_sent", "not_configured")
    assert "CDP_" in str(error)
    assert server.connections == 0


def test_concurrent_first_threads_share_one_client(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_CLIENT_KEY = "another"  # which also drops the client of earlier tests
    build = factory._exchange

    def slow() -> Exchange:
        time.sleep(0.05)
        return build()

    monkeypatch.setattr(factory, "_exchange", slow)
    with ThreadPoolExecutor(8) as pool:
        clients = {id(one) for one in pool.map(lambda _: get_client(), range(8))}
    assert len(clients) == 1
