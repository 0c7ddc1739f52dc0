"""Send a test notice over every channel, to see whether its settings work."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.translation import gettext

from apps.core import clock
from apps.notices.channels import NotAcceptedError, senders
from apps.notices.messages import Message
from apps.notices.models import About


class Command(BaseCommand):
    help = "Sends a test notice over every channel that is on, once. Exit code 1 if one was not accepted."

    def handle(self, *args: Any, **options: Any) -> None:
        on = senders()
        if not on:
            raise CommandError("No channel is on: set NOTICE_MAIL_TO or NOTICE_HOOK_URL")
        now = clock.now()
        message = Message(
            id=f"msg_{uuid.uuid4().hex}",
            cause="test",
            about=About.OPENED,
            label=gettext("Test notice"),
            text=gettext("This is a test of the portal's notices. Nothing has happened."),
            link=settings.PORTAL_URL.rstrip("/") + reverse("status"),
            since=now,
            at=now,
        )
        failed = False
        for one in on:
            try:
                one.send(message)
            except NotAcceptedError as failure:
                failed = True
                self.stdout.write(f"{one.channel.value}: not accepted ({failure})")
            else:
                self.stdout.write(f"{one.channel.value}: accepted ({message.id})")
        if failed:
            raise CommandError("A test notice was not accepted")
