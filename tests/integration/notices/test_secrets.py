"""Secrets of the channels are used and appear nowhere."""

from __future__ import annotations

import logging

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from apps.notices.models import Channel, Delivery, Notice
from consumerportal import status
from tests.support.notice_receivers import SECRET, mail_server
from tests.support.notice_world import World, deliveries

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_secrets_appear_in_no_row_log_status_or_output(
    world: World,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    httpserver: HTTPServer,
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.NOTICE_HOOK_URL = httpserver.url_for("/hook") + "?token=tok-9c1f"
    with mail_server("portal", "another password") as box:
        settings.SMTP_PORT, settings.SMTP_USER, settings.SMTP_PASSWORD = box.port, "portal", "pass-5e77-word"
        world.hook_status = 500
        world.standing["a"] = {"number": 7}
        world.run()
        with pytest.raises(CommandError):
            call_command("send_test_notice")
    assert deliveries(Channel.MAIL).get().problem == "smtp_535"
    lines = [f"{one.label} {one.text}" for one in status.lines()]
    rows = [*Delivery.objects.values_list(), *Notice.objects.values_list()]
    logged = [one.getMessage() for one in caplog.records if one.name not in {"werkzeug", "mail.log"}]
    everything = f"{logged} {lines} {rows} {capsys.readouterr()}"
    assert "smtp_535" in everything
    assert "code=http_500" in everything
    for secret in ("tok-9c1f", "pass-5e77-word", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in everything


def test_mail_server_may_ask_for_a_password(world: World, settings: Settings) -> None:
    with mail_server("portal", "pass-5e77-word") as box:
        settings.SMTP_PORT, settings.SMTP_USER, settings.SMTP_PASSWORD = box.port, "portal", "pass-5e77-word"
        world.standing["a"] = {"number": 7}
        world.run()
        assert box.users == [b"portal"]
