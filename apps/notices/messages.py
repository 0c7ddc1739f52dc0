"""The text of a delivery, for every channel. It has references, codes, times and a link, and no names."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext

from apps.notices.causes import StoredFact, find_cause
from apps.notices.models import About, Delivery


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``id`` is the same in every attempt, so that a receiver can drop a repetition.

    ``at``: when the cause began, or ended. ``since``: when it began.
    """

    id: str
    cause: str
    about: str
    label: str
    text: str
    link: str
    since: dt.datetime
    at: dt.datetime
    notice: str = ""
    facts: dict[str, StoredFact] | None = None

    @property
    def subject(self) -> str:
        """The subject of the mail, in one line."""
        ended = gettext("Ended: %(label)s") % {"label": self.label}
        return f"[Consumer Portal] {ended if self.about == About.ENDED else self.label}"

    @property
    def body(self) -> str:
        """The text of the mail."""
        first = gettext("This has ended: %(text)s") % {"text": self.text}
        lines = [
            first if self.about == About.ENDED else self.text,
            "",
            gettext("Since: %(time)s UTC") % {"time": _minutes(self.since)},
        ]
        if self.about == About.ENDED:
            lines.append(gettext("Ended: %(time)s UTC") % {"time": _minutes(self.at)})
        lines += [gettext("In the portal: %(link)s") % {"link": self.link}, ""]
        lines.append(
            gettext("This notice may arrive more than once; its number is %(id)s.") % {"id": self.id}
        )
        return "\n".join(lines) + "\n"

    def payload(self) -> bytes:
        """The body of the web hook: JSON with the keys that Standard Webhooks recommends."""
        data = {
            "notice": self.notice,
            "cause": self.cause,
            "text": self.text,
            "since": self.since.isoformat(),
            "link": self.link,
            "facts": self.facts or {},
        }
        whole = {"type": f"{self.cause}.{self.about}", "timestamp": self.at.isoformat(), "data": data}
        return json.dumps(whole, separators=(",", ":")).encode()


def message_of(delivery: Delivery) -> Message:
    """The message of a delivery, with its notice as it is stored."""
    notice = delivery.notice
    cause = find_cause(notice.cause)
    ended = delivery.about == About.ENDED
    return Message(
        id=f"msg_{delivery.public_id.hex}",
        cause=notice.cause,
        about=delivery.about,
        label=str(cause.label) if cause else notice.cause,
        text=cause.text(notice.facts) if cause else notice.cause,
        link=settings.PORTAL_URL.rstrip("/") + notice.path,
        since=notice.opened_at,
        at=notice.ended_at if ended and notice.ended_at else notice.opened_at,
        notice=str(notice.public_id),
        facts=notice.facts,
    )


def _minutes(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}"
