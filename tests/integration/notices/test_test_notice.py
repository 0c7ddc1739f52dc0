"""The command that sends a test notice."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.notices.models import Delivery
from consumerportal import status
from tests.support.notice_world import World

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_test_notice_goes_over_each_channel(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("send_test_notice")
    assert world.types == ["test.opened"]
    assert [one["Subject"] for one in world.box.mails] == ["[Consumer Portal] Test notice"]
    assert capsys.readouterr().out.count("accepted") == 2
    assert not Delivery.objects.exists()


def test_test_notice_without_a_channel(settings: Settings) -> None:
    with pytest.raises(CommandError, match="No channel is on"):
        call_command("send_test_notice")
    [line] = [line for line in status.lines() if line.name.startswith("notices")]
    assert "Off" in line.text
