"""Labels and texts for the codes of submissions: errors, checks, doubts, warnings and phone numbers."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.cdp.errors import ErrorCode
from apps.consumers import value_lists
from apps.consumers.audit_keys import PROCESS_LOST
from apps.consumers.duplicates.compare import Comparison, Likeness, Similarity
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import (
    CheckResult,
    Doubt,
    Outcome,
    PastResolution,
    ResolvedHow,
    Submission,
    SubmissionNote,
)
from apps.consumers.phones import PhoneFault, PhoneReading
from apps.consumers.reconciliation.doubts import ConsumerDoubt, resolution_doubts
from apps.consumers.reconciliation.resolution import shown_outcome
from apps.consumers.sending import warnings
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.value_lists import Normalisation
from apps.core import personal_data
from apps.core.personal_data import Problem

MINUTE = 60  # seconds

LINK_LABELS = {"consumer": _("Consumer link"), "order": _("Order link"), "guest": _("Guest link")}

NORMALISATIONS = {
    Normalisation.INVISIBLE: _("Invisible characters were removed."),
    Normalisation.BLANKS: _("Spaces around the text were removed, or no-break spaces were replaced."),
    Normalisation.UPPER_CASE: _("Changed to upper case."),
    Normalisation.DOMAIN_CASE: _("The domain was changed to lower case."),
    Normalisation.ADDRESS_ONLY: _("Only the address was used from the pasted text."),
    Normalisation.E164: _("Changed to the international format."),
}

REASONS: dict[str, Promise] = {
    ErrorCode.INVALID: _("Sitecore CDP did not accept the entry."),
    ErrorCode.UNAUTHORIZED: _(
        "The portal could not sign in to Sitecore CDP. Your entry is stored. An administrator has to check"
        " the API credentials."
    ),
    ErrorCode.FORBIDDEN: _("Sitecore CDP refused the portal. An administrator has to check the API access."),
    ErrorCode.NOT_FOUND: _("Sitecore CDP has no order with this reference."),
    ErrorCode.RATE_LIMITED: _("Sitecore CDP received too many requests. Send it again in a minute."),
    ErrorCode.BUSY: _("The portal had too many calls to Sitecore CDP in progress."),
    ErrorCode.NOT_CONFIGURED: _(
        "The connection to Sitecore CDP is not set up. An administrator has to check it."
    ),
    ErrorCode.BAD_REFERENCE: _("The order reference cannot be sent."),
    ErrorCode.DEADLINE_PASSED: _("The time limit passed before anything was sent."),
    ErrorCode.NAME_NOT_RESOLVED: _("The address of Sitecore CDP was not found."),
    ErrorCode.CONNECT_REFUSED: _("Sitecore CDP did not accept the connection."),
    ErrorCode.CONNECT_TIMEOUT: _("Sitecore CDP did not answer the connection in time."),
    ErrorCode.CONNECT_FAILED: _("There was no connection to Sitecore CDP."),
    ErrorCode.PROXY_FAILED: _("The proxy could not be reached, or refused the connection to Sitecore CDP."),
    ErrorCode.TLS_FAILED: _(
        "The connection to Sitecore CDP is not secure. An administrator has to check it."
    ),
    ErrorCode.READ_TIMEOUT: _("Sitecore CDP did not answer in time."),
    ErrorCode.TOTAL_TIMEOUT: _("Sitecore CDP did not answer in time."),
    ErrorCode.CONNECTION_LOST: _("The connection ended before the answer arrived."),
    ErrorCode.MALFORMED_ANSWER: _("The answer of Sitecore CDP could not be read."),
    ErrorCode.ANSWER_TOO_LARGE: _("The answer of Sitecore CDP could not be read."),
    ErrorCode.LIST_TOO_LONG: _("The answer of Sitecore CDP could not be read."),
    ErrorCode.UNRECOGNISED_REFUSAL: _(
        "An answer refused the request, but not in Sitecore CDP's format. A firewall or proxy may have sent"
        " it after the consumer was created."
    ),
    ErrorCode.ANOTHER_RECORD: _("Sitecore CDP answered with another record than the requested one."),
    ErrorCode.ORDER_REFERENCE: _(
        "Sitecore CDP answered with the reference of the order instead of a consumer's."
    ),
    ErrorCode.ANOTHER_PERSON: _("Sitecore CDP answered with the data of another person."),
    ErrorCode.TRANSPORT_FAULT: _("The portal failed after it had started to send."),
    PROCESS_LOST: _("The portal was interrupted while it was sending, and could not store what happened."),
}

# Replace those labels where nothing is sent, only read: nothing was entered, nothing is sent again.
_READ_REASONS: dict[str, Promise] = {
    ErrorCode.INVALID: _("Sitecore CDP did not accept the request."),
    ErrorCode.UNAUTHORIZED: _("The portal could not sign in to Sitecore CDP."),
    ErrorCode.FORBIDDEN: _("Sitecore CDP refused the portal."),
    ErrorCode.RATE_LIMITED: _("Sitecore CDP received too many requests."),
    ErrorCode.NOT_FOUND: _("Sitecore CDP has no such record."),
    ErrorCode.NOT_CONFIGURED: _("The connection to Sitecore CDP is not set up."),
    ErrorCode.BAD_REFERENCE: _("The reference cannot be sent."),
    ErrorCode.TLS_FAILED: _("The connection to Sitecore CDP is not secure."),
    ErrorCode.LIST_TOO_LONG: _("The list is too long to read."),
    ErrorCode.UNRECOGNISED_REFUSAL: _(
        "An answer refused the request, but not in Sitecore CDP's format. A firewall or proxy may have sent"
        " it."
    ),
}
UNREADABLE = {
    Problem.KEY_MISSING: _(
        "The personal data of this submission cannot be read, because their encryption key is missing. An"
        " administrator has to check ENCRYPTION_KEYS."
    ),
    Problem.DOES_NOT_BELONG: _(
        "This value does not belong to this submission: the database was changed outside the portal. An"
        " administrator has to check it."
    ),
}

CONSUMER_MISSING = _(
    "The personal data of this submission are missing: the database was changed outside the portal. An"
    " administrator has to check it."
)
MATCHING_NEW = _("New on the order since the send, and matches every returned field:")
MATCHING = _("On the order, and matches every returned field:")
DIFFERENT = _("New on the order since the send, but not every field matches:")
UNREAD = _("New on the order since the send, but could not be read or compared:")
# If the list before the send may have been incomplete.
DIFFERENT_PERHAPS_NEW = _("Not seen on the order before the send, but not every field matches:")
UNREAD_PERHAPS_NEW = _("Not seen on the order before the send, but could not be read or compared:")
# If the order was not read before the send.
UNREAD_PERHAPS_BEFORE = _("On the order, but could not be read or compared:")

CHECK_RESULTS = {
    CheckResult.NONE: _(
        "The portal has read the order: no new consumer matches. This does not prove that the consumer does"
        " not exist."
    ),
    CheckResult.SEVERAL: _(
        "Possible duplicate: several new consumers on the order match. A supervisor has to check each."
    ),
    CheckResult.SHARED: _(
        "A new consumer on the order matches this submission and another one. A supervisor has to decide to"
        " which it belongs."
    ),
    CheckResult.NOT_PROVEN: _(
        "A consumer on the order matches, but the order could not be read before the send: it may have been"
        " on the order before. A supervisor has to decide whether it is this one."
    ),
    CheckResult.BEFORE_PARTIAL: _(
        "A consumer on the order matches, but the list read before the send was incomplete: it may have"
        " been on the order before. A supervisor has to decide whether it is this one."
    ),
    CheckResult.NOW_PARTIAL: _(
        "A new consumer on the order matches, but the list of the order could not be read completely:"
        " another consumer may match too."
    ),
    CheckResult.OTHER_TIME: _(
        "A consumer on the order matches, but according to Sitecore CDP it was created at another time than"
        " this send, or that time could not be read. A supervisor has to decide whether it is this one."
    ),
    CheckResult.MISREAD: _(
        "Sitecore CDP answered with another consumer than the one on the order. A supervisor has to check the"
        " order."
    ),
    CheckResult.TOO_MANY: _(
        "The portal could not read the whole order: it has too many consumers, or the answers took too long."
        " A supervisor has to check the order."
    ),
    CheckResult.NOT_ALL_READ: _(
        "The portal could not read some consumers on the order that may be this one. A supervisor has to"
        " check each."
    ),
    CheckResult.NOT_COMPARED: _(
        "The portal has read the order, but cannot compare the data: the personal data of this submission"
        " cannot be read."
    ),
    CheckResult.FAILED: _("The portal could not read the order."),
}
FAILED_AGAIN = _("The last check could not read the order.")
LINE_NOTES = {
    CheckResult.SEVERAL: _("Possible duplicate"),
    CheckResult.SHARED: _("Matches another submission too"),
    CheckResult.NOT_PROVEN: _("A consumer matches"),
    CheckResult.BEFORE_PARTIAL: _("A consumer matches"),
    CheckResult.NOW_PARTIAL: _("A consumer matches"),
    CheckResult.OTHER_TIME: _("A consumer matches, created at another time"),
    CheckResult.MISREAD: _("Consumers not read"),
    CheckResult.TOO_MANY: _("Order not read completely"),
    CheckResult.NOT_ALL_READ: _("Consumers not read"),
}
CONSUMER_DOUBTS = {
    ConsumerDoubt.ON_ORDER_BEFORE: _("This consumer was on the order before this submission was sent."),
    ConsumerDoubt.CREATED_BEFORE: _(
        "According to Sitecore CDP, this consumer was created before this submission was sent."
    ),
    ConsumerDoubt.CREATED_AFTER: _(
        "According to Sitecore CDP, this consumer was created after this submission had ended."
    ),
    ConsumerDoubt.CHECK_FOUND_ANOTHER: _("A check found another consumer: %(ref)s"),
    ConsumerDoubt.ANSWER_NAMED_ANOTHER: _("Sitecore CDP's answer named another consumer: %(ref)s"),
}

DOUBTS = {
    Doubt.KNOWN_BEFORE: _(
        "Sitecore CDP answered with the reference of a consumer that was on the order before the send. A"
        " supervisor has to check whether this consumer was created."
    ),
    Doubt.CLAIMED: _(
        "Sitecore CDP answered with the consumer reference of another submission. A supervisor has to check"
        " whether this consumer was created."
    ),
    Doubt.ANOTHER_DATA: _(
        "Sitecore CDP answered with another email address and another passport number than were sent. A"
        " supervisor has to check whether this consumer was created."
    ),
}
DOUBT_NOTE = _("Created, to be checked")
CONTRADICTED_NOTE = _("Contradicted after the resolution")

WARNINGS = {
    warnings.NO_IDENTITY: _(
        "No identifier or email address matches an identity rule: Sitecore CDP will probably create"
        " a new guest profile."
    ),
    warnings.NOT_COMPARED: _(
        "An earlier consumer on this order cannot be read, and was not compared. Its receipt shows the"
        " reason."
    ),
    warnings.CANCELLED: _("This order has the status %(status)s."),
    warnings.VERY_OLD: _("The date of birth is over 120 years ago."),
    warnings.SEVERAL_PEOPLE: _(
        "The first name looks like more than one person. Each person needs an order consumer of their own."
    ),
    warnings.LOOKALIKES: _(
        "These characters resemble ordinary letters, digits or signs but are different characters, such as"
        " Greek, Cyrillic or full-width ones: %(letters)s. Type them again if they were copied by mistake."
    ),
}

PHONE_FAULTS = {
    PhoneFault.CHARACTERS: _("%(number)s cannot be read as a phone number. It will be sent as typed."),
    PhoneFault.SEVERAL: _("%(number)s looks like more than one number. Enter each in a separate field."),
    PhoneFault.DECIMAL: _(
        "%(number)s has decimals, as in a spreadsheet. Remove the dot and the digits after it."
    ),
    PhoneFault.AMBIGUOUS: _(
        "%(number)s can be read as two numbers: one in %(country)s, and another if it lost its plus sign."
        " Enter it with plus sign and country code, such as %(code)s."
    ),
    PhoneFault.NOT_VALID_HERE: _(
        "%(number)s is not a valid number in %(country)s. Add the country code, such as %(code)s."
    ),
    PhoneFault.NOT_VALID: _("%(number)s is not a valid number in %(country)s. Check it."),
}
UNKNOWN_COUNTRY_CODE = _("%(number)s has a country code that does not exist. Check it.")


def consumer_problem(submission: Submission) -> str:
    """Why the consumer cannot be read; empty if it can be read, or was erased."""
    if not submission.encrypted_consumer and not submission.is_erased:
        return str(CONSUMER_MISSING)
    return unreadable_text(submission, "encrypted_consumer")


def unreadable_text(row: Submission | PastResolution | SubmissionNote, column: str) -> str:
    """Why an encrypted value cannot be read; empty if it can be read, or if there is none."""
    problem = personal_data.problem_of(row, column)
    return str(UNREADABLE[problem]) if problem else ""


def reason(submission: Submission) -> str:
    """The reason for the outcome, in one or two sentences; empty if there was no error."""
    if submission.is_sent_again_by_list:
        return gettext(
            "Sitecore CDP received too many requests. A list sends such a row again unless it is stopped."
        )
    time = end_of_long_wait(submission.error_code, submission.finished_at, submission.retry_after)
    if time:
        text = gettext("Sitecore CDP received too many requests. Send it again after %(time)s.")
        return text % {"time": time}
    return error_text(submission.error_code)


def end_of_long_wait(code: str, answered: datetime.datetime | None, seconds: float | None) -> str:
    """When the wait ends that the answer "too many requests" asked for, if it is longer than a minute.

    ``seconds``: from ``answered``. Rounded up to a minute, in the reader's zone. Empty for a shorter wait,
    for which the texts say "in a minute", and for other answers.
    """
    if code != ErrorCode.RATE_LIMITED or answered is None or not seconds or seconds <= MINUTE:
        return ""
    end = answered + datetime.timedelta(seconds=seconds)
    if end.second or end.microsecond:
        end += datetime.timedelta(minutes=1)
    return date_format(timezone.localtime(end), "j F Y, H:i")


def error_text(code: str) -> str:
    """The text of an error code, in one or two sentences; empty for an empty code."""
    if not code:
        return ""
    if code in REASONS:
        return str(REASONS[code])
    return gettext("Sitecore CDP answered with an error (%(code)s).") % {"code": code.removeprefix("http_")}


def read_error_text(code: str) -> str:
    """Why a read failed, as one sentence about the request only; empty for an empty code."""
    return str(_READ_REASONS[code]) if code in _READ_REASONS else error_text(code)


def check_found(submission: Submission) -> str:
    """The result of the last check that read the order; empty before the first."""
    if submission.check_result not in CHECK_RESULTS:
        return ""
    return str(CHECK_RESULTS[CheckResult(submission.check_result)])


def failed_again(submission: Submission) -> str:
    """That a check has failed since the result; empty otherwise."""
    failed_since = submission.failed_check_count and submission.check_result != CheckResult.FAILED
    return str(FAILED_AGAIN) if failed_since else ""


def line_note(submission: Submission) -> str:
    """The note beside an outcome in a list, if it needs attention or is not verified; otherwise empty."""
    if submission.doubt_code:
        return str(DOUBT_NOTE)
    if submission.contradicted:
        return str(CONTRADICTED_NOTE)
    by_supervisor = (
        submission.resolved_how == ResolvedHow.BY_SUPERVISOR and submission.outcome == Outcome.CREATED
    )
    if by_supervisor and submission.consumer_read_at is None:
        return gettext("Not verified")
    if resolution_doubts(submission):
        return gettext("With warnings")
    if submission.outcome != Outcome.UNKNOWN or submission.check_result not in LINE_NOTES:
        return ""
    return str(LINE_NOTES[CheckResult(submission.check_result)])


def consumer_doubts(submission: Submission, found: Iterable[ConsumerDoubt]) -> tuple[str, ...]:
    """The doubts about a consumer as sentences, in their order."""
    return tuple(str(CONSUMER_DOUBTS[one]) % {"ref": submission.late_consumer_ref} for one in found)


def doubt(submission: Submission) -> str:
    """Why a created submission has to be checked; empty if it has no doubt."""
    return str(DOUBTS[Doubt(submission.doubt_code)]) if submission.doubt_code else ""


def vendor_field_message(submission: Submission) -> str:
    """The vendor's message about one field, without the field's technical name.

    Vendor: the field is named only before the first colon of ``message``.
    """
    _field, _colon, text = submission.vendor_message.partition(":")
    if not submission.vendor_message:  # not stored, or not readable
        return gettext("Sitecore CDP did not accept this value")
    message = text.strip() or submission.vendor_message
    return gettext("Sitecore CDP did not accept this value: %(message)s") % {"message": message}


def vendor_field_summary(name: str) -> str:
    """The message about one field for the error summary. ``name``: the field's name in ``cdp.fields``."""
    return gettext("%(field)s: Sitecore CDP did not accept this value. No consumer was created.") % {
        "field": FIELD_LABELS[name]
    }


def order_not_found(submission: Submission) -> str:
    """The error message at the order reference if the vendor has no such order."""
    return f"{reason(submission)} {gettext('No consumer was created.')}"


def phone_reading(number: str, reading: PhoneReading) -> str:
    """The country and E.164 form of a phone number, or why it cannot be read."""
    if reading.fault is None:
        country = (
            gettext("International") if reading.region == "001" else value_lists.country_name(reading.region)
        )
        return gettext("%(country)s: %(number)s") % {"country": country, "number": reading.e164}
    text = PHONE_FAULTS[reading.fault]
    if reading.fault is PhoneFault.NOT_VALID and not reading.region:
        text = UNKNOWN_COUNTRY_CODE
    return str(text) % {
        "number": number,
        "country": value_lists.country_name(reading.region),
        "code": "+44" if reading.region == "FR" else "+33",
    }


def normalisation_notes(normalised: Iterable[object]) -> dict[str, list[str]]:
    """The notes by field name, from codes ``field:how`` of the event of a send; other codes are ignored."""
    notes: dict[str, list[str]] = {}
    for code in normalised:
        name, _colon, how = str(code).partition(":")
        if how in NORMALISATIONS:
            notes.setdefault(name, []).append(str(NORMALISATIONS[Normalisation(how)]))
    return notes


def receipt_headline(outcome: Outcome, *, doubt: bool = False) -> str:
    """The title of the receipt's panel, before the person's name.

    ``doubt``: a supervisor has to check the created consumer.
    """
    if doubt:
        return gettext("Consumer created, but it has to be checked")
    return str(outcome.label) if outcome in (Outcome.REJECTED, Outcome.NOT_SENT) else headline(outcome)


def headline(outcome: Outcome) -> str:
    """The title of a panel with the outcome, where no name follows."""
    return {
        Outcome.SENDING: gettext("The consumer is being sent"),
        Outcome.CREATED: gettext("Consumer created"),
        Outcome.REJECTED: gettext("Rejected: no consumer was created"),
        Outcome.NOT_SENT: gettext("Nothing was sent. You can send it again."),
        Outcome.UNKNOWN: gettext("We do not know whether the consumer was created"),
        Outcome.NOT_CREATED: gettext("A supervisor marked this consumer as not created"),
    }[outcome]


LIKENESSES = {
    Likeness.SAME: _("Same"),
    Likeness.SIMILAR: _("Similar"),
    Likeness.DIFFERENT: _("Differs"),
    Likeness.MISSING: _("One side only"),
}


def _similar_text(similar: Similar) -> str:
    """Where the similar consumer is from, and whether it is equal or only similar."""
    submission, is_equal = similar.submission, similar.comparison.similarity is Similarity.EQUAL
    if submission is None:
        if is_equal:
            return gettext("The same consumer is on this order in Sitecore CDP.")
        return gettext("A similar consumer is on this order in Sitecore CDP.")
    outcome = shown_outcome(submission)
    if outcome == Outcome.NOT_CREATED and submission.late_consumer_ref:
        if is_equal:
            return gettext("The same consumer was found on this order and then marked as not created.")
        return gettext("A similar consumer was found on this order and then marked as not created.")
    if outcome == Outcome.NOT_CREATED:
        if is_equal:
            return gettext(
                "The same consumer on this order was marked as created and then corrected to not created."
            )
        return gettext(
            "A similar consumer on this order was marked as created and then corrected to not created."
        )
    if is_equal:
        return {
            "sending": gettext("The same consumer is being sent to this order."),
            "unknown": gettext("The same consumer was sent to this order. The outcome is unknown."),
        }.get(outcome, gettext("The same consumer was created on this order."))
    return {
        "sending": gettext("A similar consumer is being sent to this order."),
        "unknown": gettext("A similar consumer was sent to this order. The outcome is unknown."),
    }.get(outcome, gettext("A similar consumer was created on this order."))


def warning_text(warning: EntryWarning) -> str:
    """The text of a warning, without details of the submission that it is about."""
    if warning.reading is not None:
        return phone_reading(warning.value, warning.reading)
    if warning.similar is None:
        return str(WARNINGS[warning.code]) % {"letters": " ".join(warning.part), "status": warning.part}
    return comparison_text(_similar_text(warning.similar), warning.similar.comparison)


def more_similar_text(count: int) -> str:
    """The text about similar consumers on the order that are counted and not named."""
    return ngettext(
        "%(count)s more consumer on this order is similar to this one.",
        "%(count)s more consumers on this order are similar to this one.",
        count,
    ) % {"count": count}


def comparison_text(where: str, comparison: Comparison) -> str:
    """The text about a similar consumer: a sentence about where it is, and the fields that agree."""
    texts = [where]
    if same := comparison.names_of(Likeness.SAME):
        texts.append(gettext("Same fields: %(fields)s.") % {"fields": _field_list(same)})
    if similar := comparison.names_of(Likeness.SIMILAR):
        texts.append(gettext("Similar fields: %(fields)s.") % {"fields": _field_list(similar)})
    return " ".join(texts)


def _field_list(names: Iterable[str]) -> str:
    return ", ".join(str(FIELD_LABELS[name]).lower() for name in names)


def compared_text(compared: int, on_order: int | None) -> str:
    """How many consumers of the order an entry was compared with; ``on_order``: None if not all are known."""
    if on_order is None:
        return ngettext(
            "Compared with %(count)s consumer that the portal knew. The whole order was not read.",
            "Compared with %(count)s consumers that the portal knew. The whole order was not read.",
            compared,
        ) % {"count": compared}
    if not on_order:
        return gettext("The order had no consumers to compare with.")
    if compared < on_order:
        return gettext("Compared with %(count)s of %(total)s consumers on the order.") % {
            "count": compared,
            "total": on_order,
        }
    return ngettext(
        "Compared with the %(count)s consumer on the order.",
        "Compared with all %(count)s consumers on the order.",
        compared,
    ) % {"count": compared}
