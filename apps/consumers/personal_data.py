"""The personal data of submissions, drafts and searches, for the registry in ``core.personal_data``."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.consumers import searches
from apps.consumers.models import (
    Draft,
    OrderReading,
    PastResolution,
    RecordedSearch,
    RecordedSearchDigest,
    Submission,
    SubmissionDigest,
    SubmissionNote,
)
from apps.consumers.sending.digests import re_digest_rows
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
        re_digest_rows=re_digest_rows,
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
        SubmissionNote,
        encrypted=(EncryptedColumn("encrypted_text", "submission_note.text", _("Note of a supervisor")),),
    ),
    PersonalModel(
        RecordedSearch,
        encrypted=(EncryptedColumn("encrypted_values", "search.values", _("What was searched for")),),
        digests=(DigestColumn(RecordedSearchDigest, "digest", row="search"),),
        re_digest_rows=searches.re_digest_rows,
    ),
    PersonalModel(
        OrderReading,
        encrypted=(EncryptedColumn("encrypted_data", "order_reading.data", _("An order and its consumers")),),
    ),
    PersonalModel(
        Draft,
        encrypted=(EncryptedColumn("encrypted_values", "draft.values", _("An unsent entry")),),
    ),
)
