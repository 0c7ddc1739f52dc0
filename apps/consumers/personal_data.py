"""The personal data of submissions, for the registry in ``core.personal_data``."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.consumers.models import PastResolution, Submission, SubmissionDigest
from apps.consumers.sending.digests import content_digest, store_search_digests
from apps.core import personal_data
from apps.core.personal_data import DigestColumn, EncryptedColumn, PersonalModel


def re_digest(submission: Submission) -> None:
    """Compute and store the digests of a submission again; nothing for an erased one.

    Raises ``NotReadableError``, and changes nothing, if the consumer cannot be read.
    """
    personal_data.text(submission, "encrypted_consumer")
    consumer = submission.consumer
    if consumer is None:
        return
    submission.content_digest = content_digest(submission.order_ref, consumer)
    submission.save(update_fields=["content_digest"])
    submission.digests.all().delete()
    store_search_digests(submission, consumer)


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
)
