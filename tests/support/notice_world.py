"""What exists for the causes of notices in a test, and what their receivers were sent."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from apps.notices import watching
from apps.notices.causes import Cause, Found, Search
from apps.notices.channels import senders
from apps.notices.delivering import Deliverer
from apps.notices.models import Channel, Delivery
from consumerportal.status import Line
from tests.support.notice_receivers import Mailbox
from tests.support.status_lines import line

START = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)


class World:
    """What exists now, as the causes of the test find it, and what the receivers were sent."""

    def __init__(self, box: Mailbox, server: HTTPServer) -> None:
        self.standing: dict[str, dict[str, Any]] = {}
        self.happened: dict[str, dt.datetime] = {}
        self.box, self.server = box, server
        self.hook_status = 200
        self.hooked: list[Request] = []  # accepted
        self.refused: list[Request] = []
        self.deliverers = [Deliverer(one) for one in senders()]
        server.expect_request("/hook", method="POST").respond_with_handler(self._answer)

    def causes(self) -> tuple[Cause, ...]:
        def standing(_search: Search) -> list[Found]:
            return [Found(key, "/status/", facts=facts) for key, facts in self.standing.items()]

        def happened(_search: Search) -> list[Found]:
            return [Found(key, "/audit/1/", at) for key, at in self.happened.items()]

        return (
            Cause("thing", "A thing", "The thing %(number)s is there.", standing),
            Cause("slow", "A slow thing", "It is there.", lambda _s: [], ends_after=dt.timedelta(minutes=5)),
            Cause("act", "An act", "Somebody did it.", happened, momentary=True),
        )

    def run(self) -> None:
        """Watch once, then send what is due."""
        watching.watch()
        self.send()

    def send(self) -> None:
        for one in self.deliverers:
            while one.send_due():
                pass

    def _answer(self, request: Request) -> Response:
        (self.hooked if self.hook_status < 300 else self.refused).append(request)
        return Response(status=self.hook_status)

    @property
    def types(self) -> list[str]:
        return [one.get_json()["type"] for one in self.hooked]

    @property
    def hook_ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.hooked]


def deliveries(channel: Channel) -> QuerySet[Delivery]:
    """The messages of a channel, oldest first."""
    return Delivery.objects.filter(channel=channel).order_by("pk")


def line_of(channel: Channel) -> Line:
    """The line of a channel in the status."""
    return line(f"notices_{channel.value}")
