"""If a certificate file or a proxy of a channel cannot be used, the error names the channel's setting."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from pytest_django import Settings

from apps.cdp.attempt import Attempt
from apps.cdp.errors import CdpNotConfigured
from apps.notices.channels import NotAcceptedError, hook, mail
from apps.notices.messages import Message
from apps.notices.models import About
from tests.support.notice_receivers import hook_settings

BEGAN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
MESSAGE = Message(f"msg_{uuid.uuid4().hex}", "test", About.OPENED, "Test", "A test.", "/", BEGAN, BEGAN)


def test_unreadable_certificate_file_of_the_mail_server_is_named(settings: Settings) -> None:
    settings.SMTP_CA_FILE = "/nowhere.pem"
    with pytest.raises(CdpNotConfigured, match="SMTP_CA_FILE"):
        mail._Backend(Attempt(mail.LIMITS))


@pytest.mark.parametrize(
    ("name", "value"), [("NOTICE_HOOK_CA_FILE", "/nowhere.pem"), ("NOTICE_HOOK_PROXY", "https://proxy:3128")]
)
def test_unusable_setting_of_the_hook_is_named(settings: Settings, name: str, value: str) -> None:
    settings.PRACTICE_MODE = True
    for setting, usable in hook_settings("http://127.0.0.1:9/hook").items():
        setattr(settings, setting, usable)
    setattr(settings, name, value)
    with pytest.raises(NotAcceptedError, match="not_configured") as caught:
        hook.send(MESSAGE)
    assert isinstance(caught.value.__context__, CdpNotConfigured)
    assert name in str(caught.value.__context__)
