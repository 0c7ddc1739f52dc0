"""The keys of this app's events with the labels of their codes. Other apps use some of them."""

from __future__ import annotations

from django.utils.functional import Promise, keep_lazy_text
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Key, ValueType
from apps.cdp.errors import ErrorCode
from apps.cdp.fields import VENDOR_NAMES
from apps.consumers.duplicates import compare as duplicates
from apps.consumers.duplicates.reasons import SimilarReason
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import CheckResult, DigestKind, Doubt, Outcome, ResolutionReason

BY_RECONCILIATION = "reconciliation"
"""The reason code of a resolution by reconciliation."""

PROCESS_LOST = "process_lost"
"""The error code of a submission whose process ended while it was sending."""

LIST_NOT_WHOLE = "list_not_whole"
"""The result of a read that did not find a record in a list that may lack entries."""


@keep_lazy_text
def _lower(label: str | Promise) -> str:
    """A label in lower case, for use inside a sentence; lazy if the label is."""
    return str(label).lower()


OUTCOME_LABELS = {outcome.value: _lower(outcome.label) for outcome in Outcome}
ERROR_LABELS = {
    ErrorCode.ANOTHER_PERSON: _("the answer was about another person"),
    ErrorCode.ANOTHER_RECORD: _("the answer was about another record"),
    ErrorCode.ANSWER_TOO_LARGE: _("the answer was too large"),
    ErrorCode.BAD_REFERENCE: _("the reference cannot be sent"),
    ErrorCode.BUSY: _("too many calls were in progress"),
    ErrorCode.CONNECT_FAILED: _("there was no connection"),
    ErrorCode.CONNECT_REFUSED: _("the connection was refused"),
    ErrorCode.CONNECT_TIMEOUT: _("no connection was made in time"),
    ErrorCode.CONNECTION_LOST: _("the connection ended before the answer"),
    ErrorCode.DEADLINE_PASSED: _("the time limit passed before anything was sent"),
    ErrorCode.FORBIDDEN: _("Sitecore CDP refused the portal"),
    ErrorCode.INVALID: _("Sitecore CDP did not accept the entry"),
    ErrorCode.LIST_TOO_LONG: _("the list was too long"),
    ErrorCode.MALFORMED_ANSWER: _("the answer could not be read"),
    ErrorCode.NAME_NOT_RESOLVED: _("the address was not found"),
    ErrorCode.NOT_CONFIGURED: _("the connection is not set up"),
    ErrorCode.NOT_FOUND: _("not found"),
    ErrorCode.ORDER_REFERENCE: _("the answer contained the order's reference"),
    PROCESS_LOST: _("the portal was interrupted"),
    ErrorCode.PROXY_FAILED: _("the proxy could not be reached, or refused the connection"),
    ErrorCode.RATE_LIMITED: _("Sitecore CDP received too many requests"),
    ErrorCode.READ_TIMEOUT: _("no answer arrived in time"),
    ErrorCode.TLS_FAILED: _("the connection was not secure"),
    ErrorCode.TOTAL_TIMEOUT: _("the call exceeded its time limit"),
    ErrorCode.TRANSPORT_FAULT: _("the portal failed while it was sending"),
    ErrorCode.UNAUTHORIZED: _("the portal could not sign in to Sitecore CDP"),
    ErrorCode.UNRECOGNISED_REFUSAL: _("a refusal that did not have Sitecore CDP's format"),
}
"""Labels of error codes inside a sentence. ``describe_status`` covers the codes of other HTTP statuses."""


def describe_status(code: str) -> str | None:
    """The label of a code such as ``http_503``, for an HTTP status without its own code; None for others."""
    if not code.startswith("http_"):
        return None
    return gettext("an answer with status %(status)s") % {"status": code.removeprefix("http_")}


HTTP_STATUS = Key("http_status", ValueType.NUMBER, _("HTTP status"))
DURATION = Key("duration_ms", ValueType.NUMBER, _("Duration in milliseconds"))
ERROR_CODE = Key("error_code", ValueType.WORD, _("Error"), ERROR_LABELS, describe_status)
OUTCOME = Key("outcome", ValueType.CODE, _("Outcome"), OUTCOME_LABELS)
RESOLUTION_REASON = Key(
    "reason",
    ValueType.CODE,
    _("Reason"),
    {
        BY_RECONCILIATION: _("confirmed by reconciliation"),
        ResolutionReason.SEEN_IN_CDP: _("seen in Sitecore CDP"),
        ResolutionReason.NOT_SEEN_IN_CDP: _("not seen on the order in Sitecore CDP"),
        ResolutionReason.VENDOR_CONFIRMED: _("confirmed by Sitecore support"),
        ResolutionReason.OTHER: _("another reason, in the note"),
    },
)
# Whether the portal read the consumer that a supervisor marked as created.
VERIFICATION = Key(
    "verification",
    ValueType.CODE,
    _("Verification"),
    {"verified": _("verified by the portal"), "not_verified": _("not verified by the portal")},
)
CHECK_RESULT = Key(
    "result",
    ValueType.CODE,
    _("Result"),
    {
        **ERROR_LABELS,
        CheckResult.ONE: _("one new consumer matches"),
        CheckResult.NONE: _("no new consumer matches"),
        CheckResult.SEVERAL: _("several new consumers match"),
        CheckResult.SHARED: _("a new consumer matches this and another submission"),
        CheckResult.NOT_PROVEN: _("a consumer matches, but it may have been on the order before"),
        CheckResult.BEFORE_PARTIAL: _(
            "a consumer matches, but the list before the send may have been incomplete"
        ),
        CheckResult.NOW_PARTIAL: _("a consumer matches, but the list may be incomplete"),
        CheckResult.OTHER_TIME: _("a consumer matches, but it was created at another time"),
        CheckResult.MISREAD: _("Sitecore CDP answered about another consumer than the one on the order"),
        CheckResult.TOO_MANY: _("the whole order could not be read"),
        CheckResult.NOT_ALL_READ: _("a consumer on the order could not be read"),
        CheckResult.NOT_COMPARED: _("the submission's own data could not be read"),
        CheckResult.FAILED: _("the order could not be read"),
    },
    describe_status,
)
READ_RESULT = Key(
    "result",
    ValueType.CODE,
    _("Result"),
    {
        **ERROR_LABELS,
        "found": _("found"),
        "copied": _("details that were copied from it earlier"),
        "not_on_order": _("not on the order"),
        LIST_NOT_WHOLE: _("not in the list, which may be incomplete"),
        "another_reference": _("the answer has another reference"),
    },
    describe_status,
)
RECORD_KIND = Key(
    "kind",
    ValueType.CODE,
    _("Kind of record"),
    {"order": _("order"), "guest": _("guest"), "order_consumer": _("order consumer")},
)
# The evidence of a check.
EVIDENCE = (
    Key("before", ValueType.NUMBER, _("Consumers on the order before the send")),
    Key("matching", ValueType.NUMBER, _("New consumers that match")),
    Key("different", ValueType.NUMBER, _("New consumers that do not match")),
)
DOUBT = Key(
    "doubt",
    ValueType.CODE,
    _("To be checked because"),
    {
        Doubt.KNOWN_BEFORE: _("the reference was on the order before the send"),
        Doubt.CLAIMED: _("another submission has the reference"),
        Doubt.ANOTHER_DATA: _("the answer has another email address and another passport number"),
    },
)
_FILTER_NAMES: dict[str, str | Promise] = {
    "since": _("from"),
    "until": _("to"),
    "person": _("person"),
    "outcomes": _("outcome"),
    "attention": _("needs attention"),
    "order_ref": _("order reference"),
    "consumer_ref": _("consumer reference"),
    "guest_ref": _("guest reference"),
    "batch": _("list of people"),
    "reason": _("reason"),
    "answered_from": _("shortest time to answer"),
    "answered_under": _("longest time to answer"),
    **{kind.value: _lower(kind.label) for kind in DigestKind},
}


def _filter_and_value(text: str) -> str | None:
    name, _colon, value = text.partition(":")
    label = OUTCOME_LABELS.get(value, value) if name == "outcomes" else value
    return f"{_FILTER_NAMES[name]} {label}" if name in _FILTER_NAMES else None


# A name alone, or with its value: "outcomes:created". Of what was searched for, the kind only.
SUBMISSION_FILTERS = Key("filters", ValueType.WORDS, _("Filters"), _FILTER_NAMES, describe=_filter_and_value)
# The row numbers of submissions: the lowest and the highest, and each of those shown, as "120-168" or "171".
FIRST_ROW = Key("first", ValueType.NUMBER, _("First row number"))
LAST_ROW = Key("last", ValueType.NUMBER, _("Last row number"))
SHOWN_ROWS = Key("rows", ValueType.WORDS, _("Row numbers shown"))
# The kinds of values that were searched for, never the values.
SEARCHED_BY = Key(
    "by", ValueType.CODES, _("Searched by"), {kind.value: _lower(kind.label) for kind in DigestKind}
)
SEARCH = Key("search", ValueType.WORD, _("Search"))  # the public id of a recorded search
SUBMISSION_SCOPE = Key(
    "scope",
    ValueType.CODE,
    _("Scope"),
    {"own": _("their own submissions"), "everybody": _("everyone's submissions")},
)
COUNT = Key("count", ValueType.NUMBER, _("Number"))
SHOWN_CONSUMERS = Key("shown", ValueType.NUMBER, _("Consumers shown by name"))
# The references of the consumers and guests that were shown; of more than 50, the first.
CONSUMERS = Key("consumers", ValueType.WORDS, _("Consumers shown"), counted_by="shown")
GUESTS = Key("guests", ValueType.WORDS, _("Guests shown"), counted_by="guest_count")
GUEST_COUNT = Key("guest_count", ValueType.NUMBER, _("Number of guests shown"))
SENT_FIELDS = Key(
    "fields",  # the names of the sent JSON fields
    ValueType.WORDS,
    _("Fields"),
    {VENDOR_NAMES[name]: _lower(label) for name, label in FIELD_LABELS.items()},
)
OVERRIDDEN_WARNINGS = Key(
    "overridden",  # the warnings that "Create anyway" overrode
    ValueType.CODES,
    _("Warnings overridden"),
    {
        "similar_consumer": _("a similar consumer"),
        "earlier_not_readable": _("an earlier consumer that cannot be read"),
        "no_matching_identity": _("no identity that matches a rule"),
        "born_over_120_years_ago": _("a date of birth over 120 years ago"),
        "phone_number_not_read": _("a phone number that could not be read"),
        "several_people_in_a_name": _("a first name that looks like several people"),
        "lookalike_letters": _("characters that look like ordinary letters, digits or signs"),
        "cancelled_order": _("a cancelled order"),
        # Of rows of lists.
        "similar_row": _("a similar row of the list"),
        "row_sent_before": _("a row that was sent before, with other content"),
        "exchanged_date": _("a date of birth whose day and month may be exchanged"),
    },
)
SIMILAR_RULES = Key(
    "similar_rules",  # why consumers on the order were similar
    ValueType.CODES,
    _("Similar because"),
    {
        duplicates.Rule.SAME_IDENTIFIER: _("the same identifier"),
        duplicates.Rule.SAME_PASSPORT: _("the same passport number"),
        duplicates.Rule.SAME_NAME: _("the same name"),
        duplicates.Rule.EXCHANGED_NAMES: _("first and last name exchanged"),
        duplicates.Rule.WRONG_BIRTH_DATE: _("the same name and nearly the same date of birth"),
        duplicates.Rule.CLOSE_NAME: _("nearly the same name"),
        duplicates.Rule.PART_OF_NAME: _("a part of the name"),
        duplicates.Rule.OTHER_LAST_NAME: _("the same first name, date of birth and contact"),
    },
)
# The decision to create a consumer although a similar one is on the order.
SIMILAR_REASON = Key(
    "similar_reason",
    ValueType.CODE,
    _("Reason for creating a similar consumer"),
    {reason.value: _lower(reason.label) for reason in SimilarReason},
)
COMPARED = Key("compared", ValueType.NUMBER, _("Consumers compared"))
# Missing if the list of Sitecore CDP was not read completely.
ON_ORDER = Key("on_order", ValueType.NUMBER, _("Consumers on the order"))
# "field:how" for each value that was normalised before it was sent.
NORMALISED = Key("normalised", ValueType.CODES, _("Normalised before sending"))
RESUBMISSION_OF = Key("resubmission_of", ValueType.WORD, _("Correction of submission"))
BATCH = Key("batch", ValueType.WORD, _("List"), record="batch")  # its public id
BATCH_ROW = Key("row", ValueType.NUMBER, _("Row"))  # the file's own number
