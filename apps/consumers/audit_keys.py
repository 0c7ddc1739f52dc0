"""The values that events of this app carry, with the labels of their codes; other apps use some of them."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Key, ValueType

BY_RECONCILIATION = "reconciliation"
"""The reason of a resolution that reconciliation made."""

OUTCOME_LABELS = {
    "sending": _("being sent"),
    "created": _("created"),
    "rejected": _("rejected"),
    "not_sent": _("not sent"),
    "unknown": _("unknown"),
    "not_created": _("not created"),
}
ERROR_LABELS = {
    "another_person": _("the answer was about another person"),
    "another_record": _("the answer was about another record"),
    "answer_too_large": _("the answer was too large"),
    "bad_reference": _("the reference cannot be sent"),
    "busy": _("too many calls were under way"),
    "connect_failed": _("there was no connection"),
    "connect_refused": _("the connection was refused"),
    "connect_timeout": _("the connection took too long"),
    "connection_lost": _("the connection ended before the answer"),
    "deadline_passed": _("it took too long before anything could be sent"),
    "forbidden": _("Sitecore CDP refused the portal"),
    "invalid": _("Sitecore CDP did not accept the entry"),
    "list_too_long": _("the list was too long"),
    "malformed_answer": _("the answer could not be read"),
    "name_not_resolved": _("the address was not found"),
    "not_configured": _("the connection is not set up"),
    "not_found": _("not found"),
    "order_reference": _("the answer had the reference of the order"),
    "process_lost": _("the portal was interrupted"),
    "proxy_failed": _("the proxy did not let the portal through"),
    "rate_limited": _("Sitecore CDP had too many requests"),
    "read_timeout": _("the answer took too long"),
    "tls_failed": _("the connection was not trustworthy"),
    "total_timeout": _("the call took too long"),
    "transport_fault": _("the portal failed while it was sending"),
    "unauthorized": _("the portal could not sign in to Sitecore CDP"),
    "unrecognised_refusal": _("a refusal that was not in the form of Sitecore CDP"),
}
"""Of the error codes of ``apps.cdp``, inside a sentence."""


def describe_status(code: str) -> str | None:
    """The text of a code such as ``http_503``: an answer with a status that no code names."""
    if not code.startswith("http_"):
        return None
    return gettext("an answer of status %(status)s") % {"status": code.removeprefix("http_")}


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
        "seen_in_cdp": _("seen in Sitecore CDP"),
        "not_seen_in_cdp": _("not seen on the order in Sitecore CDP"),
        "vendor_confirmed": _("confirmed by Sitecore support"),
        "other": _("another reason, in the note"),
    },
)
# Whether the portal itself had read the consumer that a supervisor marked as created.
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
        "one": _("one new consumer matches"),
        "none": _("no new consumer matches"),
        "several": _("several new consumers match"),
        "shared": _("a new consumer matches this and another submission"),
        "not_proven": _("a consumer matches, but it may have been there before"),
        "before_part": _("a consumer matches, but the list before the send may have lacked it"),
        "now_part": _("a consumer matches, but the list may lack another one"),
        "other_time": _("a consumer matches, but it was created at another time"),
        "misread": _("Sitecore CDP answered about another consumer than the new one"),
        "too_many": _("the order has more consumers than can be read"),
        "not_all_read": _("a new consumer could not be read"),
        "not_compared": _("the submission's own data could not be read"),
        "failed": _("the order could not be read"),
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
        "not_on_order": _("not on the order"),
        "list_not_whole": _("not in a list that may lack consumers"),
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
# The evidence of a check: consumers on the order before the send, new ones that match field by field, and
# new ones that do not.
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
        "known_before": _("the reference was on the order before the send"),
        "claimed": _("another submission has the reference"),
        "another_data": _("the answer has another email address and another passport number"),
    },
)
SUBMISSION_FILTERS = Key(
    "filters",  # what was asked for, never the values
    ValueType.CODES,
    _("Filters"),
    {
        "since": _("from"),
        "until": _("to"),
        "person": _("person"),
        "outcome": _("outcome"),
        "order_ref": _("order reference"),
        "consumer_ref": _("consumer reference"),
        "guest_ref": _("guest reference"),
        "reason": _("reason"),
        "answered_from": _("least time to answer"),
        "answered_under": _("most time to answer"),
        "email": _("email address"),
        "phone": _("phone number"),
        "passport": _("passport number"),
        "identifier": _("identifier"),
        "last_name": _("last name"),
    },
)
SUBMISSION_SCOPE = Key(
    "scope", ValueType.CODE, _("What of it"), {"own": _("their own"), "everybody": _("everybody's")}
)
COUNT = Key("count", ValueType.NUMBER, _("Number"))
SENT_FIELDS = Key(
    "fields",  # the names of the JSON fields that are sent
    ValueType.WORDS,
    _("Fields"),
    {
        "title": _("title"),
        "firstName": _("first name"),
        "lastName": _("last name"),
        "gender": _("gender"),
        "dateOfBirth": _("date of birth"),
        "emails": _("email addresses"),
        "phoneNumbers": _("phone numbers"),
        "nationality": _("nationality"),
        "passportNumber": _("passport number"),
        "country": _("country"),
        "identifiers": _("identifiers"),
    },
)
OVERRIDDEN_WARNINGS = Key(
    "overridden",  # the warnings behind "Create anyway"
    ValueType.CODES,
    _("Warnings overridden"),
    {
        "similar_consumer": _("a similar consumer"),
        "earlier_not_readable": _("an earlier consumer that cannot be read"),
        "no_matching_identity": _("no identity that a rule matches"),
        "born_over_120_years_ago": _("a date of birth over 120 years ago"),
        "phone_number_not_read": _("a phone number that could not be read"),
        "several_people_in_a_name": _("a first name of several people"),
        "lookalike_letters": _("letters that look like Latin ones"),
    },
)
# "field:how" for each value that is not sent as it was typed.
NORMALISED = Key("normalised", ValueType.CODES, _("Sent in another form than typed"))
RESUBMISSION_OF = Key("resubmission_of", ValueType.WORD, _("Corrected from submission"))
