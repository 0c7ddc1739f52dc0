"""Models of submissions, drafts, searches, the index of views, resolutions, rules and preferences."""

from apps.consumers.models.circuit_breaker import CircuitBreaker
from apps.consumers.models.connection_health import ConnectionHealth
from apps.consumers.models.digests import DigestKind, SubmissionDigest
from apps.consumers.models.draft import Draft
from apps.consumers.models.identity_rule import MAX_IDENTITY_RULES, IdentityRule, RemovedIdentityRule
from apps.consumers.models.note import SubmissionNote
from apps.consumers.models.order_reading import OrderReading
from apps.consumers.models.past_resolution import PastResolution
from apps.consumers.models.paste_columns import PasteColumns
from apps.consumers.models.preferences import EntryPreferences
from apps.consumers.models.recorded_search import RecordedSearch, RecordedSearchDigest
from apps.consumers.models.shown import SEVERAL, UNBOUNDED, WIDEST, ShownKey, ShownRange, level_of
from apps.consumers.models.submission import (
    CORRECTABLE_OUTCOMES,
    DURATION_OR_ZERO,
    EXISTING_OUTCOMES,
    OPEN_OUTCOMES,
    UNCERTAIN_MATCHES,
    CheckResult,
    Doubt,
    Outcome,
    ResolutionReason,
    ResolvedHow,
    Submission,
    answer_columns,
)

__all__ = [
    "CORRECTABLE_OUTCOMES",
    "DURATION_OR_ZERO",
    "EXISTING_OUTCOMES",
    "MAX_IDENTITY_RULES",
    "OPEN_OUTCOMES",
    "SEVERAL",
    "UNBOUNDED",
    "UNCERTAIN_MATCHES",
    "WIDEST",
    "CheckResult",
    "CircuitBreaker",
    "ConnectionHealth",
    "DigestKind",
    "Doubt",
    "Draft",
    "EntryPreferences",
    "IdentityRule",
    "OrderReading",
    "Outcome",
    "PastResolution",
    "PasteColumns",
    "RecordedSearch",
    "RecordedSearchDigest",
    "RemovedIdentityRule",
    "ResolutionReason",
    "ResolvedHow",
    "ShownKey",
    "ShownRange",
    "Submission",
    "SubmissionDigest",
    "SubmissionNote",
    "answer_columns",
    "level_of",
]
