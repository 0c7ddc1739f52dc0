"""Codes into words for people: why nothing was created, or why nobody knows."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.cdp.errors import ErrorCode
from apps.consumers import value_lists
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import CheckResult, Doubt, Outcome, ResolvedHow, Submission
from apps.consumers.phones import PhoneFault, PhoneReading
from apps.consumers.reconciliation.doubts import resolution_doubts
from apps.consumers.sending import warnings
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.value_lists import Normalisation

LINK_LABELS = {"consumer": _("Consumer link"), "order": _("Order link"), "guest": _("Guest link")}

NORMALISATIONS = {
    Normalisation.INVISIBLE: _("Invisible characters were removed."),
    Normalisation.BLANKS: _("Blanks around the text were removed, or no-break spaces replaced."),
    Normalisation.UPPER_CASE: _("Changed to upper case."),
    Normalisation.DOMAIN_CASE: _("The domain was changed to lower case."),
    Normalisation.ADDRESS_ONLY: _("Only the address was taken from what was pasted."),
    Normalisation.E164: _("Changed to the international format."),
}

REASONS: dict[str, Promise] = {
    ErrorCode.INVALID: _("Sitecore CDP did not accept the entry."),
    ErrorCode.UNAUTHORIZED: _(
        "The portal could not sign in to Sitecore CDP. Your entry is kept. An administrator has to check"
        " the API credentials."
    ),
    ErrorCode.FORBIDDEN: _("Sitecore CDP refused the portal. An administrator has to check the API access."),
    ErrorCode.NOT_FOUND: _("Sitecore CDP has no order with this reference."),
    ErrorCode.RATE_LIMITED: _("Sitecore CDP had too many requests. Send it again in a minute."),
    ErrorCode.BUSY: _("The portal had too many calls to Sitecore CDP under way."),
    ErrorCode.NOT_CONFIGURED: _(
        "The connection to Sitecore CDP is not set up. An administrator has to check it."
    ),
    ErrorCode.BAD_REFERENCE: _("The order reference cannot be sent."),
    ErrorCode.DEADLINE_PASSED: _("It took too long before anything could be sent."),
    ErrorCode.NAME_NOT_RESOLVED: _("The address of Sitecore CDP was not found."),
    ErrorCode.CONNECT_REFUSED: _("Sitecore CDP did not accept the connection."),
    ErrorCode.CONNECT_TIMEOUT: _("Sitecore CDP did not answer the connection in time."),
    ErrorCode.CONNECT_FAILED: _("There was no connection to Sitecore CDP."),
    ErrorCode.PROXY_FAILED: _("The proxy on the way to Sitecore CDP did not let the portal through."),
    ErrorCode.TLS_FAILED: _(
        "The connection to Sitecore CDP is not trustworthy. An administrator has to check it."
    ),
    ErrorCode.READ_TIMEOUT: _("Sitecore CDP did not answer in time."),
    ErrorCode.TOTAL_TIMEOUT: _("Sitecore CDP did not answer in time."),
    ErrorCode.CONNECTION_LOST: _("The connection ended before the answer came."),
    ErrorCode.MALFORMED_ANSWER: _("The answer of Sitecore CDP could not be read."),
    ErrorCode.ANSWER_TOO_LARGE: _("The answer of Sitecore CDP could not be read."),
    ErrorCode.LIST_TOO_LONG: _("The answer of Sitecore CDP could not be read."),
    ErrorCode.UNRECOGNISED_REFUSAL: _(
        "An answer refused the request, but not in the form of Sitecore CDP. A firewall or proxy may have"
        " sent it after the consumer was created."
    ),
    ErrorCode.ANOTHER_RECORD: _("Sitecore CDP answered about another record than the one asked for."),
    ErrorCode.ORDER_REFERENCE: _(
        "Sitecore CDP answered with the reference of the order instead of a consumer's."
    ),
    ErrorCode.ANOTHER_PERSON: _("Sitecore CDP answered with the data of another person."),
    ErrorCode.TRANSPORT_FAULT: _("The portal failed after it had begun to send."),
    "process_lost": _("The portal was interrupted while it was sending, and could not store what happened."),
}

MATCHING_NEW = _("New on the order since the send, and the same in every field that Sitecore CDP returns:")
MATCHING = _("On the order, and the same in every field that Sitecore CDP returns:")
DIFFERENT = _("New on the order since the send, but not the same in every field:")
UNREAD = _("New on the order since the send, but not to be read or not compared:")
# Where the list before the send may have lacked some.
DIFFERENT_PERHAPS_NEW = _("Not seen on the order before the send, but not the same in every field:")
UNREAD_PERHAPS_NEW = _("Not seen on the order before the send, but not to be read or not compared:")

LOOKS = {
    CheckResult.NONE: _(
        "The portal has read the order: no new consumer on it matches. That does not prove that there is"
        " none."
    ),
    CheckResult.SEVERAL: _(
        "Duplicate suspected: several new consumers on the order match. A supervisor has to look at each."
    ),
    CheckResult.SHARED: _(
        "A new consumer on the order matches this submission and another one. A supervisor has to say whose"
        " it is."
    ),
    CheckResult.NOT_PROVEN: _(
        "A consumer on the order matches, but the order could not be read before the send: it may have been"
        " there before. A supervisor has to say whether it is this one."
    ),
    CheckResult.BEFORE_PARTIAL: _(
        "A consumer on the order matches, but the list of the order was not read whole before the send: it"
        " may have been there before. A supervisor has to say whether it is this one."
    ),
    CheckResult.NOW_PARTIAL: _(
        "A new consumer on the order matches, but the list of the order could not be read whole: there may be"
        " another one that matches."
    ),
    CheckResult.OTHER_TIME: _(
        "A consumer on the order matches, but Sitecore CDP says that it was created at another time than this"
        " send, or when it was created cannot be read. A supervisor has to say whether it is this one."
    ),
    CheckResult.MISREAD: _(
        "Sitecore CDP answered about another consumer than the new one on the order. A supervisor has to look"
        " at the order."
    ),
    CheckResult.TOO_MANY: _(
        "The order has more consumers than the portal can read. A supervisor has to look at the order."
    ),
    CheckResult.NOT_ALL_READ: _(
        "There are new consumers on the order that the portal could not read. A supervisor has to look at"
        " each."
    ),
    CheckResult.NOT_COMPARED: _(
        "The portal has read the order, but cannot compare: the encryption key of this submission is missing."
    ),
    CheckResult.FAILED: _("The portal could not read the order."),
}
FAILED_AGAIN = _("The last time the portal could not read the order.")
LINE_NOTES = {
    CheckResult.SEVERAL: _("Duplicate suspected"),
    CheckResult.SHARED: _("Matches another one too"),
    CheckResult.NOT_PROVEN: _("A consumer matches"),
    CheckResult.BEFORE_PARTIAL: _("A consumer matches"),
    CheckResult.NOW_PARTIAL: _("A consumer matches"),
    CheckResult.OTHER_TIME: _("A consumer of another time matches"),
    CheckResult.MISREAD: _("New consumers not read"),
    CheckResult.TOO_MANY: _("More consumers than can be read"),
    CheckResult.NOT_ALL_READ: _("New consumers not read"),
}
DOUBTS = {
    Doubt.KNOWN_BEFORE: _(
        "Sitecore CDP answered with the reference of a consumer that was on the order before the send. A"
        " supervisor has to check whether this consumer was created."
    ),
    Doubt.CLAIMED: _(
        "Sitecore CDP answered with a consumer reference that another submission has. A supervisor has to"
        " check whether this consumer was created."
    ),
    Doubt.ANOTHER_DATA: _(
        "Sitecore CDP answered with another email address and another passport number than were sent. A"
        " supervisor has to check whether this consumer was created."
    ),
}
DOUBT_NOTE = _("Created, to be checked")

WARNINGS = {
    warnings.NO_IDENTITY: _(
        "No identifier or email address matches an identity rule: Sitecore CDP will probably create"
        " a new guest profile."
    ),
    warnings.NOT_COMPARED: _(
        "An earlier consumer on this order cannot be read, because its encryption key is missing. It was not"
        " compared."
    ),
    warnings.VERY_OLD: _("The date of birth is over 120 years ago."),
    warnings.SEVERAL_PEOPLE: _(
        "The first name looks like more than one person. Each person needs an order consumer of their own."
    ),
    warnings.LOOKALIKES: _(
        "These letters look like Latin ones, but are Greek or Cyrillic: %(letters)s. Type them again if they"
        " were copied by mistake."
    ),
}

PHONE_FAULTS = {
    PhoneFault.CHARACTERS: _("%(number)s cannot be read as a phone number. It will be sent as typed."),
    PhoneFault.SEVERAL: _("%(number)s looks like more than one number. Enter each in a field of its own."),
    PhoneFault.DECIMAL: _(
        "%(number)s has decimals, as spreadsheets write numbers. Remove the dot and what follows."
    ),
    PhoneFault.NOT_VALID_HERE: _(
        "%(number)s is not a valid number in %(country)s. Add the country code, such as %(code)s."
    ),
    PhoneFault.NOT_VALID: _("%(number)s is not a valid number in %(country)s. Check it."),
}
UNKNOWN_COUNTRY_CODE = _("%(number)s has no country code that exists. Check it.")


def reason(submission: Submission) -> str:
    """Why the outcome is what it is, in one or two sentences; empty where nothing went wrong."""
    return code_words(submission.error_code)


def code_words(code: str) -> str:
    """What an error code of the client says, in one or two sentences; empty for none."""
    if not code:
        return ""
    if code in REASONS:
        return str(REASONS[code])
    return gettext("Sitecore CDP answered with an error (%(code)s).") % {"code": code.removeprefix("http_")}


def check_found(submission: Submission) -> str:
    """What the last answered look-up found, and whether one since was not; empty before the first."""
    if submission.check_result not in LOOKS:
        return ""
    found = str(LOOKS[CheckResult(submission.check_result)])
    since = submission.failed_check_count and submission.check_result != CheckResult.FAILED
    return f"{found} {FAILED_AGAIN}" if since else found


def line_note(submission: Submission) -> str:
    """What a list says beside an outcome that somebody has to look at, or that the portal did not verify."""
    if submission.doubt_code:
        return str(DOUBT_NOTE)
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


def doubt(submission: Submission) -> str:
    """Why a created submission has to be checked; empty where nothing is odd about it."""
    return str(DOUBTS[Doubt(submission.doubt_code)]) if submission.doubt_code else ""


def vendor_field_message(submission: Submission) -> str:
    """What the vendor says about one field, at that field: without the field's technical name in front.

    Vendor: the only pointer to the field is the text before the first colon of ``message``.
    """
    _field, _colon, text = submission.vendor_message.partition(":")
    if not submission.vendor_message:  # it was not kept, or no key opens it
        return gettext("Sitecore CDP did not accept this value")
    message = text.strip() or submission.vendor_message
    return gettext("Sitecore CDP did not accept this value: %(message)s") % {"message": message}


def vendor_field_summary(name: str) -> str:
    """The same in the error summary. ``name``: the field's name of the form."""
    return gettext("%(field)s: Sitecore CDP did not accept this value. No consumer was created.") % {
        "field": FIELD_LABELS[name]
    }


def order_not_found(submission: Submission) -> str:
    """That the vendor knows no such order, at the field of its reference."""
    return f"{reason(submission)} {gettext('No consumer was created.')}"


def phone_reading(number: str, reading: PhoneReading) -> str:
    """How a phone number is read: its country and E.164, or why it is not read."""
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
    """The notes of each field, from ``field:how`` as the event of a send has it; others say nothing."""
    notes: dict[str, list[str]] = {}
    for code in normalised:
        name, _colon, how = str(code).partition(":")
        if how in NORMALISATIONS:
            notes.setdefault(name, []).append(str(NORMALISATIONS[Normalisation(how)]))
    return notes


def headline(outcome: Outcome, *, doubt: bool = False) -> str:
    """What happened, as the title of the receipt's panel. ``doubt``: a supervisor has to check it."""
    if doubt:
        return gettext("Consumer created, but it has to be checked")
    return {
        Outcome.SENDING: gettext("The consumer is being sent"),
        Outcome.CREATED: gettext("Consumer created"),
        Outcome.REJECTED: gettext("Rejected: no consumer was created"),
        Outcome.NOT_SENT: gettext("Nothing was sent. You can send it again."),
        Outcome.UNKNOWN: gettext("We do not know whether the consumer was created"),
        Outcome.NOT_CREATED: gettext("A supervisor found that the consumer was not created"),
    }[outcome]


def _similar_words(submission: Submission | None) -> str:
    outcome = submission.outcome if submission else ""
    if outcome == Outcome.NOT_CREATED and submission and not submission.late_consumer_ref:
        return gettext(
            "A similar consumer on this order was marked as created, and that was corrected to not created."
        )
    # Any other outcome means that it exists: created, or so a late answer says.
    return {
        "sending": gettext("A similar consumer is being sent to this order."),
        "unknown": gettext("A similar consumer was sent to this order; it is unknown whether it exists."),
    }.get(outcome, gettext("A similar consumer was created on this order."))


def warning_text(warning: EntryWarning) -> str:
    """A reason to stop, without what its submission says."""
    if warning.reading is not None:
        return phone_reading(warning.value, warning.reading)
    if warning.code in WARNINGS:
        return str(WARNINGS[warning.code]) % {"letters": " ".join(warning.part)}
    labels = ", ".join(str(FIELD_LABELS[name]).lower() for name in warning.matching)
    return f"{_similar_words(warning.submission)} " + gettext("The same: %(fields)s.") % {"fields": labels}
