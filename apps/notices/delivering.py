"""Send the deliveries that are due, each by one process at a time, until it is accepted or given up.

At least once: a process that dies after the receiver has accepted a message, and before this is stored,
leaves a delivery that is sent again with the same id.
"""

from __future__ import annotations

import datetime as dt
import logging
import random

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from apps.core import clock
from apps.core.connections import DATABASE_ERRORS, release_database_connections
from apps.notices.channels import NotAcceptedError, Sender
from apps.notices.messages import message_of
from apps.notices.models import About, Delivery, State
from apps.notices.watching import GIVE_UP_AFTER

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=120)
"""How long an attempt may take until another process repeats it: four times a channel's limit."""
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 4 * 3600.0  # seconds
FACTOR = 4
FAULT = "fault"
"""The code of a message that could not be made, or of an exception that no channel expects."""


class Deliverer:
    """Sends over one channel in one thread. It knows what it has sent and could not store."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self._sent: list[int] = []  # primary keys

    def send_due(self) -> bool:
        """Send the delivery that has been due longest; False if none is due. Raises database errors."""
        self._store_sent()
        delivery = self._claim()
        if delivery is None:
            return False
        release_database_connections()
        try:
            self.sender.send(message_of(delivery))
        except NotAcceptedError as failure:
            _store_failure(delivery, failure)
        except Exception:  # it must not stop the deliveries after it
            logger.exception("notice_not_made %s", delivery.public_id)
            _store_failure(delivery, NotAcceptedError(FAULT))
        else:
            self._sent.append(delivery.pk)
            self._store_sent()
        return True

    def _claim(self) -> Delivery | None:
        """The delivery that is due, claimed for the time of ``LEASE``. The attempt counts from here."""
        now = clock.now()
        if not self._due(now).exists():  # without locking SQLite for writing
            return None
        with transaction.atomic():
            locked = self._due(now).select_for_update(skip_locked=True, no_key=True, of=("self",))
            delivery = locked.select_related("notice").order_by("due_at", "id").first()
            if delivery is None:
                return None
            # SQLite has no row locks: the number of attempts shows that nobody else has claimed it since.
            free = Delivery.objects.filter(pk=delivery.pk, state=State.WAITING, attempts=delivery.attempts)
            first = delivery.first_tried_at or now
            claimed = {"due_at": now + LEASE, "tried_at": now, "first_tried_at": first}
            if not free.update(attempts=F("attempts") + 1, **claimed):
                return None
        delivery.attempts += 1
        delivery.first_tried_at = first
        return delivery

    def _due(self, now: dt.datetime) -> QuerySet[Delivery]:
        """The deliveries that are due. The end of a cause is sent after its beginning."""
        waiting = Delivery.objects.filter(channel=self.sender.channel, state=State.WAITING)
        beginning = waiting.filter(notice=OuterRef("notice"), about=About.OPENED)
        return waiting.filter(due_at__lte=now).exclude(Exists(beginning), about=About.ENDED)

    def _store_sent(self) -> None:
        """Store what was accepted. If the database does not answer, the next call tries again first."""
        while self._sent:
            waiting = Delivery.objects.filter(pk=self._sent[0], state=State.WAITING)
            waiting.update(state=State.SENT, due_at=None, finished_at=clock.now(), problem="")
            self._sent.pop(0)


def _store_failure(delivery: Delivery, failure: NotAcceptedError) -> None:
    """Store when the next attempt is due, or that there is none. Raises nothing: the lease ends by itself."""
    now = clock.now()
    due_at = now + dt.timedelta(seconds=pause_after(delivery.attempts, failure.retry_after))
    # Not since it was stored: nobody may have tried it for days.
    given_up = due_at > (delivery.first_tried_at or now) + GIVE_UP_AFTER
    logger.log(
        logging.ERROR if given_up else logging.WARNING,
        "notice_not_delivered %s %s attempt=%s given_up=%s code=%s",
        delivery.channel,
        delivery.public_id,
        delivery.attempts,
        given_up,
        failure,
    )
    facts: dict[str, object] = {"due_at": due_at}
    if given_up:
        facts = {"due_at": None, "state": State.GIVEN_UP, "finished_at": now}
    # Another process may have claimed it meanwhile, if this one stood still for longer than the lease.
    own = Delivery.objects.filter(pk=delivery.pk, state=State.WAITING, attempts=delivery.attempts)
    try:
        own.update(problem=str(failure)[:40], **facts)
    except DATABASE_ERRORS as error:
        logger.warning("notice_result_not_stored %s", type(error).__name__)


def pause_after(attempts: int, retry_after: float = 0.0) -> float:
    """Seconds until the next attempt: ten, then four times as long each time, at most four hours.

    At least what the receiver asked for. Varied by a tenth, so that deliveries after an outage are spread.
    """
    pause: float = min(FIRST_PAUSE * FACTOR ** min(attempts - 1, 10), LONGEST_PAUSE)
    return max(pause * random.uniform(0.9, 1.1), retry_after)  # noqa: S311  # no secret
