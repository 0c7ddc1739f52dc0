"""The personal data of submissions, for the registry in ``core.personal_data``."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.consumers.models import OrderReading, PastResolution, Submission, SubmissionDigest
from apps.consumers.sending.digests import re_digest
from apps.core.personal_data import DigestColumn, EncryptedColumn, PersonalModel

PERSONAL: Final = (
    PersonalModel(
        Submission,
        encrypted=(
            EncryptedColumn("encrypted_consumer", "submission.consumer", _("What was sent")),
            EncryptedColumn("encrypted_answer", "submission.answer", _("What was returned")),
            EncryptedColumn(
                "encrypted_vendor_message", "submission.vendor_message", _("Sitecore CDP's message")
            ),
            EncryptedColumn(
                "encrypted_resolution_note", "submission.resolution_note", _("Note on the resolution")
            ),
        ),
        digests=(
            DigestColumn(Submission, "content_digest"),
            DigestColumn(SubmissionDigest, "digest", row="submission"),
        ),
        re_digest=re_digest,
    ),
    PersonalModel(
        PastResolution,
        encrypted=(
            EncryptedColumn("encrypted_answer", "past_resolution.answer", _("What was returned earlier")),
            EncryptedColumn(
                "encrypted_resolution_note", "past_resolution.note", _("Note on an earlier resolution")
            ),
        ),
    ),
    PersonalModel(
        OrderReading,
        encrypted=(EncryptedColumn("encrypted_data", "order_reading.data", _("An order and its consumers")),),
    ),
)
