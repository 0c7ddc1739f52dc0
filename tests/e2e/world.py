"""A portal with at least one record of everything, so that every page has contents."""

from __future__ import annotations

import datetime
import uuid

from django.utils import timezone

from apps.accounts import services as people
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.consumers import Identifier, NewConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, ResolutionReason, Submission
from apps.consumers.reconciliation import resolution
from apps.consumers.sending import submit
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from tests.e2e.traces import TYPED
from tests.support.people import TESTS, acting, make_person

CONSUMER = NewConsumer(
    title="Dr",
    first_name=f"Wilhelmina-{TYPED['world first name']}",
    last_name=f"van den {TYPED['world last name']}",
    gender="female",
    date_of_birth=datetime.date(1991, 3, 7),
    emails=(f"w.vandenoudenhoven.{TYPED['world mailbox']}@a-long-domain-name.example.com", "w@example.com"),
    phone_numbers=("+31201234567", "+353871234567"),
    nationality=f"Dutch {TYPED['world nationality']}",
    passport_number=f"NX{TYPED['world passport'].upper()}",
    country="NL",
    identifiers=(Identifier("ProfileSystem", f"8C1F2E44-99D0-4D5B-{TYPED['world identifier']}"),),
)


class World:
    """A submission of each outcome, and a person to edit."""

    def __init__(self, staff: User, supervisor: User) -> None:
        self.staff = staff
        self.created = self._submit(SAMPLE_ORDER)
        self.rejected = self._submit(FAULT_ORDERS["404"])
        self.refused = self._submit(FAULT_ORDERS["401"])
        self.unknown = self._submit(FAULT_ORDERS["500_after"])
        self.resolved = self._submit(FAULT_ORDERS["503_html_after"])
        resolution.resolve(
            self.resolved,
            outcome=Outcome.CREATED,
            reason=ResolutionReason.OTHER,
            note=f"A note about {TYPED['world note']} of some length, so that it breaks on a narrow screen.",
            consumer_ref=str(uuid.uuid4()),
            actor=acting(supervisor),
        )
        self.corrected = self._corrected(supervisor)
        self.not_created = self._submit(FAULT_ORDERS["500_before"])
        resolution.resolve(
            self.not_created,
            outcome=Outcome.NOT_CREATED,
            reason=ResolutionReason.NOT_SEEN_IN_CDP,
            note="",
            actor=acting(supervisor),
        )
        self.sending = self._still_sending()
        events = AuditEvent.objects.filter(submission=self.unknown.public_id)
        self.event = events.latest("seq").seq  # with other events of its submission
        self.person = make_person("nora", "staff", password="")
        self.link = "/accounts/set-password/{}/{}/".format(
            *people.issue_password_link(person_id=self.person.pk, actor=TESTS)
        )

    def _corrected(self, supervisor: User) -> Submission:
        """Marked as created with a note, and later corrected."""
        submission = self._submit(FAULT_ORDERS["truncated_json"])
        resolution.resolve(
            submission,
            outcome=Outcome.CREATED,
            reason=ResolutionReason.SEEN_IN_CDP,
            note=f"A note about {TYPED['world earlier note']}",
            consumer_ref=str(uuid.uuid4()),
            actor=acting(supervisor),
        )
        resolution.resolve(
            submission,
            outcome=Outcome.NOT_CREATED,
            reason=ResolutionReason.NOT_SEEN_IN_CDP,
            note="",
            actor=acting(supervisor),
        )
        return submission

    def _submit(self, order_ref: str) -> Submission:
        return submit.submit(
            order_ref=order_ref,
            consumer=CONSUMER,
            token=uuid.uuid4(),
            actor=acting(self.staff),
            client=get_client(),
        )

    def _still_sending(self) -> Submission:
        """Sent by another process that has not received an answer yet."""
        now = timezone.now()
        submission = Submission(
            token=uuid.uuid4(),
            content_digest=b"a digest of its own",
            order_ref=SAMPLE_ORDER,
            actor_id=self.staff.pk,
            actor_name=self.staff.name,
            submitted_at=now,
            deadline=now + datetime.timedelta(minutes=5),
        )
        submission.consumer = CONSUMER
        submission.save()
        return submission
