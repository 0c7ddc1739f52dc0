"""If a setting of a channel cannot be used, the failure names the channel's setting."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from pytest_django import Settings

from apps.notices.channels import NotAcceptedError, hook, mail
from apps.notices.messages import Message
from apps.notices.models import About, Delivery
from tests.support.notice_receivers import hook_settings

BEGAN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
MESSAGE = Message(f"msg_{uuid.uuid4().hex}", "test", About.OPENED, "Test", "A test.", "/", BEGAN, BEGAN)


def test_unreadable_certificate_file_of_the_mail_server_is_named(settings: Settings) -> None:
    settings.SMTP_CA_FILE = "/nowhere.pem"
    with pytest.raises(NotAcceptedError) as caught:
        mail.send(MESSAGE)
    assert str(caught.value) == "not_configured: SMTP_CA_FILE"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTICE_HOOK_CA_FILE", "/nowhere.pem"),
        ("NOTICE_HOOK_PROXY", "https://proxy:3128"),
        ("NOTICE_HOOK_URL", "https://host.invalid/odd"),
        ("NOTICE_HOOK_SECRETS", ["whsec_odd"]),
    ],
)
def test_unusable_setting_of_the_hook_is_named_without_its_value(
    settings: Settings, name: str, value: Any
) -> None:
    settings.PRACTICE_MODE = True
    for setting, usable in hook_settings("http://127.0.0.1:9/hook").items():
        setattr(settings, setting, usable)
    setattr(settings, name, value)
    with pytest.raises(NotAcceptedError) as caught:
        hook.send(MESSAGE)
    assert str(caught.value) == f"not_configured: {name}"
    longest = Delivery._meta.get_field("problem").max_length
    assert longest is not None
    assert len(str(caught.value)) <= longest
