"""The tables of the main job, by subject."""

from apps.consumers.models.contact import VendorContact
from apps.consumers.models.digests import DigestKind, SubmissionDigest
from apps.consumers.models.pace import LookPace
from apps.consumers.models.resolutions import PastResolution
from apps.consumers.models.rules import MAX_IDENTITY_RULES, IdentityRule
from apps.consumers.models.submission import (
    CORRECTABLE_OUTCOMES,
    OPEN_OUTCOMES,
    UNCERTAIN_MATCHES,
    Doubt,
    LookResult,
    Outcome,
    SettledHow,
    SettleReason,
    Submission,
)

__all__ = [
    "CORRECTABLE_OUTCOMES",
    "MAX_IDENTITY_RULES",
    "OPEN_OUTCOMES",
    "UNCERTAIN_MATCHES",
    "DigestKind",
    "Doubt",
    "IdentityRule",
    "LookPace",
    "LookResult",
    "Outcome",
    "PastResolution",
    "SettleReason",
    "SettledHow",
    "Submission",
    "SubmissionDigest",
    "VendorContact",
]
