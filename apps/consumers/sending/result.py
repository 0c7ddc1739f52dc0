"""The result of one send, field by field as the submission stores it."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

from apps.cdp.consumers import Creation
from apps.cdp.errors import CdpError
from apps.cdp.recognition import may_be_a_relative
from apps.consumers.models import Doubt, Outcome, Submission, answer_columns
from apps.core import personal_data
from apps.core.references import reference_key


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one send with the data of the answer or error. Fields are named like the columns.

    ``duration_ms``: milliseconds of the call. ``retry_after``: seconds that the vendor asked to wait.
    """

    outcome: Outcome
    _: KW_ONLY
    consumer_ref: str = ""
    consumer_href: str = ""
    order_href: str = ""
    guest_ref: str = ""
    guest_href: str = ""
    encrypted_answer: bytes = b""
    doubt_code: str = ""
    http_status: int | None = None
    duration_ms: int | None = None
    error_code: str = ""
    error_field: str = ""
    retry_after: int | None = None
    encrypted_vendor_message: bytes = b""

    def columns(self) -> dict[str, Any]:
        """Every field by the name of its column."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_creation(cls, creation: Creation, submission: Submission, *, duration_ms: int) -> Result:
        """The result of an answer with the new consumer.

        It is doubted, and a supervisor has to check it, if its reference was on the order before the send or
        if its data may be those of a relative.
        """
        answer, sent = creation.consumer, submission.consumer
        doubt = _known_before(creation, submission)
        if not doubt and sent is not None and may_be_a_relative(sent, answer):
            doubt = Doubt.ANOTHER_DATA.value
        return cls(
            Outcome.CREATED,
            **answer_columns(submission, answer, or_own_key=True),  # sent: what came back is stored
            doubt_code=doubt,
            http_status=creation.http_status,
            duration_ms=duration_ms,
        )

    @classmethod
    def of_references(cls, creation: Creation, submission: Submission, *, duration_ms: int) -> Result:
        """The result of a creation whose data could not be processed: its references and links alone."""
        answer = creation.consumer
        return cls(
            Outcome.CREATED,
            consumer_ref=answer.ref,
            consumer_href=answer.href,
            order_href=answer.order_href,
            guest_ref=answer.guest_ref,
            guest_href=answer.guest_href,
            doubt_code=_known_before(creation, submission),
            http_status=creation.http_status,
            duration_ms=duration_ms,
        )

    @classmethod
    def of_error(cls, error: CdpError, submission: Submission, *, duration_ms: int) -> Result:
        """The result of an error; its outcome is the error's."""
        return cls(
            Outcome(error.outcome),
            http_status=error.http_status,
            duration_ms=duration_ms,
            error_code=error.code,
            error_field=error.field,
            retry_after=None if error.retry_after is None else math.ceil(error.retry_after),
            encrypted_vendor_message=personal_data.encrypted(
                submission, "encrypted_vendor_message", error.vendor_message, or_own_key=True
            ),
        )


def _known_before(creation: Creation, submission: Submission) -> str:
    """The code of the doubt if the answer's reference was on the order before the send; else empty."""
    before = {reference_key(ref) for ref in submission.refs_before or []}
    return Doubt.KNOWN_BEFORE.value if reference_key(creation.consumer.ref) in before else ""
