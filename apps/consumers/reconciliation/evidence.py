"""Evidence: a consumer as read from the vendor before a supervisor marks a submission as created.

The confirmation page shows it beside the sent values and contains it encrypted. The resolution stores it. So
the receipt shows what the supervisor saw, and the vendor is called once.
"""

from __future__ import annotations

import datetime
import json
import time
from dataclasses import dataclass

from django.conf import settings

from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import CdpAnotherRecord, CdpError
from apps.consumers import connection_health, recording
from apps.consumers.audit_keys import LIST_NOT_WHOLE
from apps.consumers.models import Submission
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.encryption import NotReadableError, decrypt_from_text, encrypt_as_text
from apps.core.references import same_reference

READ_SECONDS = 15.0  # limit for both calls together
VALID = datetime.timedelta(minutes=15)  # from the reading to the confirmation
LABEL = "resolution.evidence"
RECONCILIATION_OFF = "reconciliation_off"
NOT_ON_ORDER = "not_on_order"
ANOTHER_REFERENCE = "another_reference"


class _ListNotWhole(Exception):
    """The reference is not in the list, but the list may lack entries."""


class NotThisConsumer(Exception):
    """The vendor's answer shows that this is not a consumer of the order.

    ``code`` is ``not_on_order`` (the order's complete list lacks the reference) or ``another_reference`` (the
    record at the reference has another reference).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """The consumer that was read, or the reason why none could be read.

    ``consumer_ref`` has the vendor's spelling if the consumer was read, else the spelling that was entered.
    ``error_code`` is empty if and only if ``consumer`` is set.
    """

    consumer_ref: str
    at: datetime.datetime
    consumer: OrderConsumer | None = None
    error_code: str = ""

    def __repr__(self) -> str:
        return f"Evidence({self.consumer_ref!r}, {self.error_code!r}, <personal data>)"


def read_consumer(submission: Submission, ref: str, *, actor: Actor, client: CdpClient) -> Evidence:
    """Read the consumer with this reference from the submission's order.

    If the vendor cannot be read, the evidence contains the error code. Raises ``NotThisConsumer`` if the
    vendor's answer excludes the consumer. Records that the person viewed the consumer.
    """
    now = clock.now()
    if not settings.CDP_RECONCILIATION:
        return Evidence(ref, now, error_code=RECONCILIATION_OFF)
    release_database_connections()
    refused = None
    try:
        consumer = _read_listed(submission.order_ref, ref, client)
    except CdpError as error:
        found = Evidence(ref, now, error_code=error.code)
    except _ListNotWhole:
        found = Evidence(ref, now, error_code=LIST_NOT_WHOLE)
    except NotThisConsumer as refusal:
        refused = refusal
    else:
        found = Evidence(consumer.ref, now, consumer)
    result = refused.code if refused else found.error_code or "found"
    guest_ref = found.consumer.guest_ref if not refused and found.consumer else ""
    recording.record_consumer_read(submission, ref, result=result, actor=actor, guest_ref=guest_ref)
    connection_health.store_latest()
    if refused:
        raise refused
    return found


def _read_listed(order_ref: str, ref: str, client: CdpClient) -> OrderConsumer:
    """Raises ``CdpError``, ``_ListNotWhole`` and ``NotThisConsumer``."""
    end = time.monotonic() + READ_SECONDS
    with client.lookup_slot():
        listed = client.observe_order_consumers(order_ref, within=READ_SECONDS)
        spelled = next((one for one in listed.refs if same_reference(one, ref)), None)
        if spelled is None and not listed.is_whole:
            raise _ListNotWhole
        if spelled is None:
            raise NotThisConsumer(NOT_ON_ORDER)
        try:
            consumer = client.retrieve_order_consumer(spelled, within=max(end - time.monotonic(), 0.001))
        except CdpAnotherRecord:
            raise NotThisConsumer(ANOTHER_REFERENCE) from None
    if not same_reference(consumer.ref, ref):
        raise NotThisConsumer(ANOTHER_REFERENCE)
    return consumer


def seal(evidence: Evidence, submission: Submission, actor: Actor) -> str:
    """The evidence as encrypted text, valid for this submission and person only."""
    consumer = evidence.consumer
    text = json.dumps(
        {
            "ref": evidence.consumer_ref,
            "at": evidence.at.isoformat(),
            "consumer": consumer.to_json() if consumer else None,
            "error_code": evidence.error_code,
        }
    )
    return encrypt_as_text(text, LABEL, submission.public_id.hex, actor.id)


def unseal(sealed: str, submission: Submission, ref: str, actor: Actor) -> Evidence | None:
    """The evidence of :func:`seal`.

    None if the text is not evidence, is older than ``VALID``, or belongs to another submission, person or
    reference.
    """
    try:
        data = json.loads(decrypt_from_text(sealed, LABEL, submission.public_id.hex, actor.id))
    except NotReadableError:
        return None
    at = datetime.datetime.fromisoformat(data["at"])
    consumer = OrderConsumer.from_json(data["consumer"]) if data["consumer"] else None
    evidence = Evidence(data["ref"], at, consumer, data["error_code"])
    fresh = datetime.timedelta() <= clock.now() - at <= VALID
    return evidence if fresh and same_reference(evidence.consumer_ref, ref) else None
