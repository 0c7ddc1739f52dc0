"""A world of causes whose notices go to a real mail server and to a real web hook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from apps.notices import watching
from tests.support.notice_receivers import Mailbox, hook_settings, mail_server, mail_settings
from tests.support.notice_world import World


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as server:
        yield server


@pytest.fixture
def world(
    box: Mailbox, httpserver: HTTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    for name, value in {**mail_settings(box.port), **hook_settings(httpserver.url_for("/hook"))}.items():
        setattr(settings, name, value)
    settings.NOTICE_CAUSES = ["thing", "slow", "act"]
    made = World(box, httpserver)
    monkeypatch.setattr(watching, "registered", made.causes)
    monkeypatch.setattr(watching, "_off", set())
    monkeypatch.setattr("apps.notices.messages.find_cause", {one.code: one for one in made.causes()}.get)
    yield made
    httpserver.check_assertions()
