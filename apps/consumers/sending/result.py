"""The result of one send, as columns of the submission."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.cdp.consumers import Creation
from apps.cdp.errors import CdpError
from apps.cdp.recognition import may_be_a_relative
from apps.consumers.models import Doubt, Outcome, Submission
from apps.core.encryption import encrypt
from apps.core.references import reference_key


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one send: the outcome and the columns that store it."""

    outcome: Outcome
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def references(self) -> dict[str, str]:
        """The references in the answer; empty if there is none. No personal data."""
        return {name: self.columns.get(name, "") for name in ("consumer_ref", "guest_ref")}

    def with_duration(self, duration_ms: int) -> Result:
        """The same result with the duration of the call in milliseconds."""
        return Result(self.outcome, {**self.columns, "duration_ms": duration_ms})

    @classmethod
    def of_creation(cls, creation: Creation, submission: Submission) -> Result:
        """The result of an answer with the new consumer.

        It is doubted, and a supervisor has to check it, if its reference was on the order before the send or
        if its data may be those of a relative.
        """
        answer = creation.consumer
        before = {reference_key(ref) for ref in submission.refs_before or []}
        sent = submission.consumer
        doubt = ""
        if reference_key(answer.ref) in before:
            doubt = Doubt.KNOWN_BEFORE
        elif sent is not None and may_be_a_relative(sent, answer):
            doubt = Doubt.ANOTHER_DATA
        kept = Submission()
        kept.answer = answer
        return cls(
            Outcome.CREATED,
            {
                "encrypted_answer": kept.encrypted_answer,
                "consumer_ref": answer.ref,
                "consumer_href": answer.href,
                "order_href": answer.order_href,
                "guest_href": answer.guest_href,
                "guest_ref": answer.guest_ref,
                "http_status": creation.http_status,
                "doubt_code": doubt,
            },
        )

    @classmethod
    def of_error(cls, error: CdpError) -> Result:
        """The result of an error, which says its outcome."""
        return cls(
            Outcome(error.outcome),
            {
                "http_status": error.http_status,
                "error_code": error.code,
                "error_field": error.field,
                "encrypted_vendor_message": encrypt(error.vendor_message) if error.vendor_message else "",
            },
        )
