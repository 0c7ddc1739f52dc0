"""Plain words for what the audit log keeps as codes: actions, keys, and the codes that they carry.

This app knows no other, so the words are here beside the log; a test holds them against every code that the
portal can record. A code of another version is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit import actions

ACTION_NAMES = {
    actions.CONSUMER_CREATE_REQUESTED: _("Order consumer requested"),
    actions.CONSUMER_CREATED: _("Order consumer created"),
    actions.CONSUMER_REJECTED: _("Order consumer rejected"),
    actions.CONSUMER_NOT_SENT: _("Order consumer not sent"),
    actions.CONSUMER_OUTCOME_UNKNOWN: _("Outcome unknown"),
    actions.CONSUMER_SETTLED: _("Unknown outcome resolved"),
    actions.CONSUMER_RESOLUTION_CORRECTED: _("Resolution corrected"),
    actions.CONSUMER_LOOKED_UP: _("Unknown outcome checked"),
    actions.CONSUMER_CHECK_FAILED: _("Check of an unknown outcome failed"),
    actions.CONSUMER_LATE_ANSWER: _("Answer after the resolution"),
    actions.SUBMISSION_REPEAT_BLOCKED: _("Second send of a submission blocked"),
    actions.SUBMISSION_VIEWED: _("Submission opened"),
    actions.SUBMISSIONS_LISTED: _("List of submissions opened"),
    actions.FIGURES_VIEWED: _("Figures opened"),
    actions.VENDOR_RECORD_VIEWED: _("Record in Sitecore CDP opened"),
    actions.VENDOR_RECORD_SEARCHED: _("Records in Sitecore CDP searched"),
    actions.EXPORT_STARTED: _("Export of submissions begun"),
    actions.EXPORT_FINISHED: _("Submissions exported"),
    actions.EXPORT_FAILED: _("Export of submissions broken off"),
    actions.EXPORT_CANCELLED: _("Export of submissions cancelled"),
    actions.SESSION_SIGNED_IN: _("Signed in"),
    actions.SESSION_SIGN_IN_FAILED: _("Sign-in failed"),
    actions.SESSION_SIGNED_OUT: _("Session ended"),
    actions.ACCESS_DENIED: _("Page refused"),
    actions.ACCESS_LIMITED: _("Limit reached"),
    actions.PERSON_ADDED: _("Person added"),
    actions.PERSON_CHANGED: _("Person changed"),
    actions.PERSON_DEACTIVATED: _("Person deactivated"),
    actions.PERSON_REACTIVATED: _("Person reactivated"),
    actions.PERSON_PASSWORD_LINK_ISSUED: _("Password link issued"),
    actions.PERSON_PASSWORD_LINK_REFUSED: _("Password link refused"),
    actions.PERSON_PASSWORD_SET: _("Password set"),
    actions.PERSON_SIGN_IN_BLOCKED: _("Sign-in blocked"),
    actions.PERSON_SIGN_IN_UNLOCKED: _("Sign-in unlocked"),
    actions.ROLE_GRANTED: _("Role granted"),
    actions.ROLE_REVOKED: _("Role revoked"),
    actions.AUDIT_VIEWED: _("Audit log opened"),
    actions.AUDIT_EVENT_VIEWED: _("Event of the audit log opened"),
    actions.AUDIT_EXPORT_STARTED: _("Export of the audit log begun"),
    actions.AUDIT_EXPORTED: _("Audit log exported"),
    actions.AUDIT_EXPORT_FAILED: _("Export of the audit log broken off"),
    actions.AUDIT_RETENTION_DECIDED: _("Removal of the oldest events decided"),
    actions.AUDIT_RETENTION_APPLIED: _("Oldest events removed"),
    actions.IDENTITY_RULE_CHANGED: _("Identity rule changed"),
    actions.AUDIT_CHECKPOINT_SIGNED: _("Audit log signed"),
    actions.AUDIT_VERIFIED: _("Audit log verified"),
    actions.AUDIT_FOUND_ALTERED: _("Audit log found altered"),
    actions.AUDIT_PROOF_DOWNLOADED: _("Proof downloaded"),
    actions.PORTAL_STARTED: _("Portal started"),
    actions.KEYS_REGISTERED: _("Keys accepted"),
    actions.KEYS_FORGOTTEN: _("Keys no longer needed"),
}
"""One for each action: what the filter offers."""

KEY_LABELS = {
    "about": _("Event that the verdict is about"),
    "answer_outcome": _("Outcome of the answer"),
    "before": _("Consumers on the order before the send"),
    "by": _("Searched by"),
    "bytes": _("Bytes"),
    "change": _("Change"),
    "checkpoint": _("Checkpoint"),
    "columns": _("Columns"),
    "count": _("Number"),
    "different": _("New consumers that do not match"),
    "duration_ms": _("Duration in milliseconds"),
    "doubt": _("To be checked because"),
    "error_code": _("Error"),
    "event": _("Number of the event"),
    "expected": _("Rows expected"),
    "export": _("Export"),
    "exporter": _("Export of"),
    "failure_code": _("What went wrong"),
    "fields": _("Fields"),
    "file": _("File of checkpoints"),
    "filters": _("Filters"),
    "first": _("First event"),
    "format": _("Format"),
    "hash": _("Hash of the last one"),
    "http_status": _("HTTP status"),
    "key": _("Signing key"),
    "keys": _("Keys"),
    "kind": _("Kind of record"),
    "last": _("Last event"),
    "matching": _("New consumers that match"),
    "method": _("HTTP method"),
    "normalised": _("Sent in another form than typed"),
    "outcome": _("Outcome"),
    "overridden": _("Warnings overridden"),
    "permission": _("Permission wanted"),
    "personal": _("With personal data"),
    "previous_outcome": _("Outcome before"),
    "previous_ref": _("Consumer reference before"),
    "priority": _("Priority"),
    "provider": _("Identifier provider"),
    "purpose": _("Purpose"),
    "reason": _("Reason"),
    "resubmission_of": _("Corrected from submission"),
    "result": _("Result"),
    "role": _("Role"),
    "rows": _("Rows"),
    "rule": _("Rule name"),
    "scope": _("What of it"),
    "sessions_ended": _("Sessions ended"),
    "sha256": _("SHA-256"),
    "settings_digest": _("Digest of the settings"),
    "unreadable": _("Rows that could not be read"),
    "username": _("User name"),
    "verdict": _("Verdict"),
    "verification": _("Verification"),
    "version": _("Version"),
    "view": _("Page"),
    "what": _("What too often"),
    "why": _("Reason"),
}

_OUTCOMES = {
    "sending": _("being sent"),
    "created": _("created"),
    "rejected": _("rejected"),
    "not_sent": _("not sent"),
    "unknown": _("unknown"),
    "not_created": _("not created"),
}
_ERRORS = {
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
VALUES: Mapping[str, Mapping[str, object]] = {
    "answer_outcome": _OUTCOMES,
    "by": {"order_number": _("order number"), "guest_ref": _("guest reference")},
    "change": {"added": _("added"), "removed": _("removed")},
    "doubt": {
        "known_before": _("the reference was on the order before the send"),
        "claimed": _("another submission has the reference"),
        "another_data": _("the answer has another email address and another passport number"),
    },
    "error_code": _ERRORS,
    "fields": {
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
        "name": _("full name"),
        "time_zone": _("time zone"),
    },
    "filters": {
        "since": _("from"),
        "until": _("to"),
        "person": _("person"),
        "account": _("done to"),
        "action": _("action"),
        "address": _("client address"),
        "reference": _("reference"),
        "failures": _("only failures and denials"),
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
    "failure_code": {
        "database_busy": _("the database was busy for too long"),
        "database_failed": _("the database refused the query"),
        "database_lost": _("the database was lost"),
        "disk_failed": _("the file could not be written"),
        "disk_full": _("there was no room left for the file"),
        "fault": _("a fault of the portal"),
        "portal_stopped": _("the portal was stopped"),
        "process_lost": _("the portal was interrupted"),
        "reader_gone": _("the reader went away"),
        "reader_stalled": _("the reader took nothing for too long"),
    },
    "format": {
        "csv": _("CSV"),
        "csv_exact": _("CSV, exact"),
        "jsonl": _("JSON Lines"),
        "xlsx": _("Excel"),
    },
    "kind": {"order": _("order"), "guest": _("guest"), "order_consumer": _("order consumer")},
    "outcome": _OUTCOMES,
    "previous_outcome": _OUTCOMES,
    "overridden": {
        "similar_consumer": _("a similar consumer"),
        "earlier_not_readable": _("an earlier consumer that cannot be read"),
        "no_matching_identity": _("no identity that a rule matches"),
        "born_over_120_years_ago": _("a date of birth over 120 years ago"),
        "phone_number_not_read": _("a phone number that could not be read"),
        "several_people_in_a_name": _("a first name of several people"),
        "lookalike_letters": _("letters that look like Latin ones"),
    },
    "personal": {"yes": _("yes"), "no": _("no")},
    "reason": {
        # an export of personal data
        "consumer_asked": _("a consumer asked for their data"),
        "complaint": _("a complaint or a claim"),
        "data_check": _("a check against another system"),
        "authority": _("an authority asked for it"),
        # a resolution
        "reconciliation": _("confirmed by reconciliation"),
        "seen_in_cdp": _("seen in Sitecore CDP"),
        "not_seen_in_cdp": _("not seen on the order in Sitecore CDP"),
        "vendor_confirmed": _("confirmed by Sitecore support"),
        "other": _("another reason, in the note"),
        # a sign-in that failed
        "wrong_password": _("wrong password"),
        "no_account": _("no account of that name"),
        "deactivated": _("the account is deactivated"),
        "limited": _("too many attempts"),
        "blocked": _("the account is blocked in unknown browsers"),
        # a session that ended
        "button": _("signed out"),
        "idle": _("idle for too long"),
        "absolute": _("the session had reached its limit"),
        # a password link that was refused
        "link_used_up": _("the link was used or replaced"),
    },
    "result": {
        **_ERRORS,
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
        "found": _("found"),
        "not_on_order": _("not on the order"),
        "list_not_whole": _("not in a list that may lack consumers"),
        "another_reference": _("the answer has another reference"),
    },
    "role": {
        "staff": _("Staff"),
        "supervisor": _("Supervisor"),
        "administrator": _("Administrator"),
        "personal_data_export": _("Export of personal data"),
    },
    "scope": {
        "own": _("their own"),
        "everybody": _("everybody's"),
        "whole": _("the whole log"),
        "rest": _("what came after the last checkpoint"),
    },
    "verdict": {
        "unchanged": _("unchanged"),
        "changed": _("changed"),
        "inserted": _("inserted"),
        "missing": _("missing"),
        "reordered": _("reordered"),
        "tail_cut": _("the end is missing"),
        "rewritten": _("rewritten"),
        "key_unknown": _("signed with an unknown key"),
        "checkpoints_damaged": _("the checkpoints were altered"),
        "head_differs": _("the head is not the last event"),
        "unsigned": _("unchanged, but not signed yet"),
    },
    "verification": {
        "verified": _("verified by the portal"),
        "not_verified": _("not verified by the portal"),
    },
    "what": {
        "search": _("searches"),
        "export": _("exports"),
        "denial": _("pages that were refused"),
    },
    "why": {
        "same_form_again": _("the same form came again"),
        "form_used_for_another_entry": _("the form had been used for another entry"),
        "identical_one_is_open": _("an identical one is being sent or unknown"),
    },
}
"""The words of each code, by the key that carries it."""


def value_words(key: str, value: object) -> str:
    """A value that an event carries, for people; a dash for none, a code without words as it is."""
    if value in (None, "", []):
        return "–"
    if isinstance(value, list):
        return str(get_text_list([value_words(key, one) for one in value], gettext("and")))
    words = VALUES.get(key, {}).get(str(value))
    if words is None and key in ("error_code", "result") and str(value).startswith("http_"):
        return gettext("an answer of status %(status)s") % {"status": str(value).removeprefix("http_")}
    return str(value if words is None else words)


def key_label(key: str) -> str:
    """What a key is called; the key itself where it has no name."""
    return str(KEY_LABELS.get(key, key))


def action_name(name: str) -> str:
    """What an action is called; its technical name where it is one of another version."""
    action = actions.ACTIONS.get(name)
    return str(ACTION_NAMES[action]) if action in ACTION_NAMES else name
