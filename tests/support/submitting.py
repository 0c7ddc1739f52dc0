"""Submit a consumer as a person who creates it in spite of every warning."""

from __future__ import annotations

import uuid

from apps.accounts.models import User
from apps.cdp.client import CdpClient
from apps.cdp.consumers import NewConsumer
from apps.consumers.duplicates.reasons import SimilarReason
from apps.consumers.models import Submission
from apps.consumers.sending.submit import NotConfirmed, submit
from tests.support.people import acting


def submit_anyway(order_ref: str, consumer: NewConsumer, person: User, client: CdpClient) -> Submission:
    """Submit with a new token. Warnings are confirmed, with a reason for a similar consumer."""
    accepted: frozenset[str] = frozenset()
    while True:
        try:
            return submit(
                order_ref=order_ref,
                consumer=consumer,
                token=uuid.uuid4(),
                actor=acting(person),
                client=client,
                accepted=accepted,
                similar_reason=SimilarReason.OTHER,
            )
        except NotConfirmed as stop:
            keys = frozenset(warning.key for warning in stop.warnings)
            if keys <= accepted:
                raise
            accepted = keys
