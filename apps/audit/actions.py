"""What the audit log can tell: every action, the keys that it may carry, and whether it is a failure.

An event of an action carries none but the declared keys, each of a declared kind. None of the kinds has
room for what was typed about a consumer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

CODE = re.compile(r"[a-z0-9_.:-]{1,100}")


class Kind(Enum):
    """What a key may hold. ``None`` ("not known") is welcome for each."""

    NUMBER = auto()  # a whole number: a status, a count, milliseconds
    CODE = auto()  # our own code, lower case: "timeout"
    CODES = auto()  # a list of such codes
    WORD = auto()  # a technical word in either case: "POST", "firstName", a UUID
    WORDS = auto()  # a list of such words
    NAME = auto()  # free text of at most 200 characters, such as the name of a rule; never about consumers


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """One thing that can happen. There is one object of each, made by :func:`define`.

    ``failure``: a failure or a denial, what "only failures and denials" shows.
    """

    name: str
    keys: Mapping[str, Kind]
    failure: bool = False


ACTIONS: dict[str, Action] = {}
"""Every action by its name."""


def define(name: str, *, failure: bool = False, **keys: Kind) -> Action:
    """Make an action known. Raises ``ValueError`` for a second one of the same name, and for an odd name."""
    if name in ACTIONS:
        raise ValueError(f"The action {name} is defined twice")
    if not all(CODE.fullmatch(word) for word in (name, *keys)):
        raise ValueError(f"The action {name} or one of its keys is not written as a code")
    ACTIONS[name] = Action(name, MappingProxyType(keys), failure)
    return ACTIONS[name]


# --- Creating an order consumer -------------------------------------------------------------------
# fields: names of the JSON fields sent; overridden: codes of the warnings behind "Create anyway".
# normalised: "field:how" for each value that was not sent as it was typed.
CONSUMER_CREATE_REQUESTED = define(
    "consumer.create_requested",
    fields=Kind.WORDS,
    overridden=Kind.CODES,
    normalised=Kind.CODES,
    resubmission_of=Kind.WORD,
)
# doubt: why a supervisor has to check it, where there is a reason.
CONSUMER_CREATED = define(
    "consumer.created", http_status=Kind.NUMBER, duration_ms=Kind.NUMBER, doubt=Kind.CODE
)
CONSUMER_REJECTED = define(
    "consumer.rejected",
    failure=True,
    http_status=Kind.NUMBER,
    error_code=Kind.WORD,
    duration_ms=Kind.NUMBER,
)
CONSUMER_NOT_SENT = define(
    "consumer.not_sent",
    failure=True,
    http_status=Kind.NUMBER,
    error_code=Kind.WORD,
    duration_ms=Kind.NUMBER,
)
CONSUMER_OUTCOME_UNKNOWN = define(
    "consumer.outcome_unknown",
    failure=True,
    http_status=Kind.NUMBER,
    error_code=Kind.WORD,
    duration_ms=Kind.NUMBER,
)
# reason: a supervisor's, or "reconciliation". verification: whether the portal had read the consumer that a
# supervisor marked as created. The numbers are the evidence of a check: how many consumers were on the order
# before the send, how many new ones match in every field, and how many new ones do not.
CONSUMER_SETTLED = define(
    "consumer.resolved",
    outcome=Kind.CODE,
    reason=Kind.CODE,
    verification=Kind.CODE,
    result=Kind.CODE,
    before=Kind.NUMBER,
    matching=Kind.NUMBER,
    different=Kind.NUMBER,
)
# A supervisor replaced an earlier resolution. previous_ref: the consumer reference of the earlier one.
CONSUMER_RESOLUTION_CORRECTED = define(
    "consumer.resolution_corrected",
    previous_outcome=Kind.CODE,
    previous_ref=Kind.WORD,
    outcome=Kind.CODE,
    reason=Kind.CODE,
    verification=Kind.CODE,
)
CONSUMER_LOOKED_UP = define(
    "consumer.looked_up",
    result=Kind.CODE,
    error_code=Kind.WORD,
    before=Kind.NUMBER,
    matching=Kind.NUMBER,
    different=Kind.NUMBER,
)
# The order could not be read: nothing was found out.
CONSUMER_CHECK_FAILED = define("consumer.check_failed", failure=True, error_code=Kind.WORD)
# A failure: the vendor's answer came after a person had resolved, and may contradict them.
CONSUMER_LATE_ANSWER = define(
    "consumer.late_answer",
    failure=True,
    answer_outcome=Kind.CODE,
    http_status=Kind.NUMBER,
    duration_ms=Kind.NUMBER,
)

# --- Seeing personal data -------------------------------------------------------------------------
SUBMISSION_REPEAT_BLOCKED = define("submission.repeat_blocked", failure=True, why=Kind.CODE)
# purpose: the page, such as "receipt" or "correction" (the form filled from the submission).
SUBMISSION_VIEWED = define("submission.viewed", purpose=Kind.CODE)
SUBMISSIONS_LISTED = define("submissions.listed", filters=Kind.CODES, scope=Kind.CODE, count=Kind.NUMBER)
# Counts only, no consumer's data. count: of the submissions that were summed up.
FIGURES_VIEWED = define("figures.viewed", filters=Kind.CODES, scope=Kind.CODE, count=Kind.NUMBER)
VENDOR_RECORD_VIEWED = define("vendor_record.viewed", kind=Kind.CODE, result=Kind.CODE)
# by: the kinds of what was searched for ("email"), never the values.
VENDOR_RECORD_SEARCHED = define(
    "vendor_record.searched", kind=Kind.CODE, by=Kind.CODES, result=Kind.CODE, count=Kind.NUMBER
)

# --- Exporting submissions ------------------------------------------------------------------------
# export: its public id. filters: their kinds, never their values. columns: the keys of the file's columns.
# personal: "yes" where some of them hold personal data; reason: then why.
EXPORT_STARTED = define(
    "export.started",
    export=Kind.WORD,
    format=Kind.CODE,
    filters=Kind.CODES,
    scope=Kind.CODE,
    columns=Kind.CODES,
    personal=Kind.CODE,
    reason=Kind.CODE,
    expected=Kind.NUMBER,
)
# rows, bytes: of the whole file, as is its SHA-256. unreadable: rows whose personal data no key opens.
EXPORT_FINISHED = define(
    "export.finished",
    export=Kind.WORD,
    format=Kind.CODE,
    personal=Kind.CODE,
    rows=Kind.NUMBER,
    unreadable=Kind.NUMBER,
    bytes=Kind.NUMBER,
    sha256=Kind.CODE,
)
# rows: how many had been written when it ended; as many may have left, or fewer. exporter: whose it was; the
# worker may be the one who tells of it.
EXPORT_FAILED = define(
    "export.failed",
    failure=True,
    export=Kind.WORD,
    exporter=Kind.NAME,
    format=Kind.CODE,
    personal=Kind.CODE,
    failure_code=Kind.CODE,
    rows=Kind.NUMBER,
)
EXPORT_CANCELLED = define(
    "export.cancelled", export=Kind.WORD, format=Kind.CODE, personal=Kind.CODE, rows=Kind.NUMBER
)

# --- Sessions and access --------------------------------------------------------------------------
SESSION_SIGNED_IN = define("session.signed_in")
# person: the account, where there is one. What was typed as a name may be a password: it is not kept.
SESSION_SIGN_IN_FAILED = define("session.sign_in_failed", failure=True, reason=Kind.CODE)
SESSION_SIGNED_OUT = define("session.signed_out", reason=Kind.CODE)
# method: as the client wrote it; a made-up one must not keep the denial out of the log.
ACCESS_DENIED = define(
    "access.denied",
    failure=True,
    permission=Kind.NAME,
    method=Kind.NAME,
    view=Kind.WORD,
    reason=Kind.CODE,
)

# what: the kind of act that a person did too often. Told once in the limit's time, not with each try.
ACCESS_LIMITED = define("access.limited", failure=True, what=Kind.CODE)

# --- People and roles (username: rows stand alone, so the account's name is copied beside its id) --
PERSON_ADDED = define("person.added", username=Kind.NAME)
PERSON_CHANGED = define("person.changed", username=Kind.NAME, fields=Kind.WORDS)
PERSON_DEACTIVATED = define("person.deactivated", username=Kind.NAME, sessions_ended=Kind.NUMBER)
PERSON_REACTIVATED = define("person.reactivated", username=Kind.NAME)
PERSON_PASSWORD_LINK_ISSUED = define("person.password_link_issued", username=Kind.NAME)
PERSON_PASSWORD_LINK_REFUSED = define(
    "person.password_link_refused", failure=True, username=Kind.NAME, reason=Kind.CODE
)
PERSON_PASSWORD_SET = define("person.password_set", username=Kind.NAME)
PERSON_SIGN_IN_BLOCKED = define("person.sign_in_blocked", failure=True, username=Kind.NAME)
PERSON_SIGN_IN_UNLOCKED = define("person.sign_in_unlocked", username=Kind.NAME)
ROLE_GRANTED = define("role.granted", username=Kind.NAME, role=Kind.CODE)
ROLE_REVOKED = define("role.revoked", username=Kind.NAME, role=Kind.CODE)

# --- The audit log itself -------------------------------------------------------------------------
# filters: their kinds ("person"), never their values. event: the sequence of the event that was opened.
AUDIT_VIEWED = define("audit.viewed", filters=Kind.CODES, count=Kind.NUMBER)
AUDIT_EVENT_VIEWED = define("audit.event_viewed", event=Kind.NUMBER)

# --- The portal itself ----------------------------------------------------------------------------
IDENTITY_RULE_CHANGED = define(
    "identity_rule.changed", change=Kind.CODE, rule=Kind.NAME, provider=Kind.NAME, priority=Kind.NUMBER
)
# file: which machine's file of checkpoints, by the beginning of its first signature.
AUDIT_CHECKPOINT_SIGNED = define("audit.checkpoint_signed", last=Kind.NUMBER, key=Kind.CODE, file=Kind.CODE)
# about: the sequence that the verdict names; scope: "whole", or "rest", what came after the checkpoint.
AUDIT_VERIFIED = define(
    "audit.verified",
    verdict=Kind.CODE,
    about=Kind.NUMBER,
    checkpoint=Kind.NUMBER,
    first=Kind.NUMBER,
    last=Kind.NUMBER,
    scope=Kind.CODE,
)
AUDIT_FOUND_ALTERED = define(
    "audit.found_altered",
    failure=True,
    verdict=Kind.CODE,
    about=Kind.NUMBER,
    checkpoint=Kind.NUMBER,
    first=Kind.NUMBER,
    last=Kind.NUMBER,
    scope=Kind.CODE,
)
# first, last: the range, by the sequences; rows: how many of it had left the portal.
AUDIT_EXPORT_STARTED = define("audit.export_started", format=Kind.CODE, first=Kind.NUMBER, last=Kind.NUMBER)
AUDIT_EXPORTED = define(
    "audit.exported", format=Kind.CODE, first=Kind.NUMBER, last=Kind.NUMBER, rows=Kind.NUMBER
)
AUDIT_EXPORT_FAILED = define(
    "audit.export_failed",
    failure=True,
    format=Kind.CODE,
    first=Kind.NUMBER,
    last=Kind.NUMBER,
    rows=Kind.NUMBER,
)
# The oldest rows: decided before, applied with the deletion. hash: of the last row that goes.
AUDIT_RETENTION_DECIDED = define(
    "audit.retention_decided", first=Kind.NUMBER, last=Kind.NUMBER, rows=Kind.NUMBER, hash=Kind.CODE
)
AUDIT_RETENTION_APPLIED = define(
    "audit.retention_applied", first=Kind.NUMBER, last=Kind.NUMBER, rows=Kind.NUMBER, hash=Kind.CODE
)
AUDIT_PROOF_DOWNLOADED = define("audit.proof_downloaded", first=Kind.NUMBER, last=Kind.NUMBER)
PORTAL_STARTED = define("portal.started", version=Kind.WORD, settings_digest=Kind.CODE)
# keys: "kind:beginning of the fingerprint" of each key that this database accepts from now on, or no longer.
KEYS_REGISTERED = define("keys.registered", keys=Kind.CODES)
KEYS_FORGOTTEN = define("keys.forgotten", keys=Kind.CODES)
