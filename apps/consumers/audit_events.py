"""The event types of order consumers, submissions, opened vendor records and identity rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, Change, EventGroup, EventOutcome, Key, ValueType, change_of
from apps.consumers.audit_keys import (
    BATCH,
    BATCH_ROW,
    BY_RECONCILIATION,
    CHECK_RESULT,
    COMPARED,
    CONSUMERS,
    COUNT,
    DOUBT,
    DURATION,
    ERROR_CODE,
    EVIDENCE,
    FIRST_ROW,
    GUEST_COUNT,
    GUESTS,
    HTTP_STATUS,
    LAST_ROW,
    NORMALISED,
    ON_ORDER,
    OUTCOME,
    OUTCOME_LABELS,
    OVERRIDDEN_WARNINGS,
    READ_RESULT,
    RECORD_KIND,
    RESOLUTION_REASON,
    RESUBMISSION_OF,
    SEARCH,
    SEARCHED_BY,
    SENT_FIELDS,
    SHOWN_CONSUMERS,
    SHOWN_ROWS,
    SIMILAR_REASON,
    SIMILAR_RULES,
    SUBMISSION_FILTERS,
    SUBMISSION_SCOPE,
    VERIFICATION,
)
from apps.consumers.models import Outcome

if TYPE_CHECKING:
    from django.utils.functional import Promise

EVENTS = AppEvents("consumers")

CONSUMER_CREATE_REQUESTED = EVENTS.define(
    "consumer.create_requested",
    group=EventGroup.CHANGES,
    label=_("Order consumer requested"),
    sentence=_("%(actor)s asked to create an order consumer on order %(order)s"),
    keys=(
        SENT_FIELDS,
        OVERRIDDEN_WARNINGS,
        SIMILAR_RULES,
        SIMILAR_REASON,
        COMPARED,
        ON_ORDER,
        NORMALISED,
        RESUBMISSION_OF,
        BATCH,
        BATCH_ROW,
    ),
)
CONSUMER_CREATED = EVENTS.define(
    "consumer.created",
    group=EventGroup.CHANGES,
    label=_("Order consumer created"),
    sentence=_("%(actor)s created the order consumer %(consumer)s on order %(order)s"),
    sentence_by_portal=_("The order consumer %(consumer)s was created on order %(order)s"),
    keys=(HTTP_STATUS, DURATION, DOUBT),
)
# Another submission got the reference later; ``other``: its public id.
CONSUMER_DOUBTED = EVENTS.define(
    "consumer.doubted",
    group=EventGroup.CHANGES,
    label=_("Order consumer to be checked"),
    sentence=_("The order consumer %(consumer)s on order %(order)s has to be checked: %(doubt)s"),
    keys=(DOUBT, Key("other", ValueType.WORD, _("The other submission"))),
    outcome=EventOutcome.TO_BE_CHECKED,
)
CONSUMER_REJECTED = EVENTS.define(
    "consumer.rejected",
    group=EventGroup.CHANGES,
    label=_("Order consumer rejected"),
    sentence=_("Sitecore CDP rejected an order consumer for order %(order)s: %(error_code)s"),
    keys=(HTTP_STATUS, ERROR_CODE, DURATION),
    outcome=EventOutcome.FAILED,
)
CONSUMER_NOT_SENT = EVENTS.define(
    "consumer.not_sent",
    group=EventGroup.CHANGES,
    label=_("Order consumer not sent"),
    sentence=_("An order consumer for order %(order)s was not sent: %(error_code)s"),
    keys=(HTTP_STATUS, ERROR_CODE, DURATION),
    outcome=EventOutcome.FAILED,
)
CONSUMER_OUTCOME_UNKNOWN = EVENTS.define(
    "consumer.outcome_unknown",
    group=EventGroup.CHANGES,
    label=_("Outcome unknown"),
    sentence=_("Outcome unknown: %(error_code)s"),
    keys=(HTTP_STATUS, ERROR_CODE, DURATION),
    outcome=EventOutcome.UNKNOWN,
)


def _resolved_sentence(details: Mapping[str, Any]) -> Promise | None:
    if details.get("reason") == BY_RECONCILIATION:
        return _(
            "Confirmed by reconciliation: the order consumer %(consumer)s on order %(order)s was created"
        )
    if details.get("verification"):
        return _(
            "%(actor)s marked an unknown order consumer on order %(order)s as %(outcome)s: %(reason)s"
            " (%(verification)s)"
        )
    return None


def _corrected_sentence(details: Mapping[str, Any]) -> Promise | None:
    if details.get("verification"):
        return _(
            "%(actor)s corrected a resolution on order %(order)s from %(previous_outcome)s to %(outcome)s:"
            " %(reason)s (%(verification)s)"
        )
    return None


_PREVIOUS_OUTCOME = Key("previous_outcome", ValueType.CODE, _("Previous outcome"), OUTCOME_LABELS)
_OUTCOME = Change(_("Outcome"), _PREVIOUS_OUTCOME, OUTCOME)
CONSUMER_RESOLVED = EVENTS.define(
    "consumer.resolved",
    group=EventGroup.CHANGES,
    label=_("Unknown outcome resolved"),
    sentence=_("%(actor)s marked an unknown order consumer on order %(order)s as %(outcome)s: %(reason)s"),
    sentence_for=_resolved_sentence,
    changes=(_OUTCOME,),
    keys=(RESOLUTION_REASON, VERIFICATION, CHECK_RESULT, *EVIDENCE),
)
# A supervisor says that they are resolving it; taken_from: whom they took it over from, if from anybody.
SUBMISSION_TAKEN = EVENTS.define(
    "submission.taken",
    group=EventGroup.CHANGES,
    label=_("Submission taken"),
    sentence=_("%(actor)s took the submission on order %(order)s, to resolve it"),
    changes=(
        Change(
            _("Taken by"),
            Key("taken_from", ValueType.NAME, _("Taken over from")),
            Key("taken_by", ValueType.NAME, _("Taken by")),
        ),
    ),
)
SUBMISSION_RELEASED = EVENTS.define(
    "submission.released",
    group=EventGroup.CHANGES,
    label=_("Submission released"),
    sentence=_("%(actor)s released the submission on order %(order)s"),
)
# The text of the note is in the row, encrypted.
SUBMISSION_NOTE_ADDED = EVENTS.define(
    "submission.note_added",
    group=EventGroup.CHANGES,
    label=_("Note added"),
    sentence=_("%(actor)s added a note to the submission on order %(order)s"),
)
# A supervisor replaced an earlier resolution.
CONSUMER_RESOLUTION_CORRECTED = EVENTS.define(
    "consumer.resolution_corrected",
    group=EventGroup.CHANGES,
    label=_("Resolution corrected"),
    sentence=_(
        "%(actor)s corrected a resolution on order %(order)s from %(previous_outcome)s to %(outcome)s:"
        " %(reason)s"
    ),
    sentence_for=_corrected_sentence,
    changes=(
        _OUTCOME,
        Change(
            _("Consumer reference"),
            Key("previous_ref", ValueType.WORD, _("Previous consumer reference")),
            Key("corrected_ref", ValueType.WORD, _("Corrected consumer reference")),
        ),
    ),
    keys=(RESOLUTION_REASON, VERIFICATION),
)
CONSUMER_CHECKED = EVENTS.define(
    "consumer.checked",
    group=EventGroup.SYSTEM,
    label=_("Unknown outcome checked"),
    sentence=_("Reconciliation checked order %(order)s for an unknown order consumer: %(result)s"),
    keys=(CHECK_RESULT, ERROR_CODE, *EVIDENCE),
)
# The order could not be read, so the check has no result.
CONSUMER_CHECK_FAILED = EVENTS.define(
    "consumer.check_failed",
    group=EventGroup.SYSTEM,
    label=_("Check of an unknown outcome failed"),
    sentence=_(
        "Reconciliation could not check order %(order)s for an unknown order consumer: %(error_code)s"
    ),
    keys=(ERROR_CODE,),
    outcome=EventOutcome.FAILED,
)


def _late_sentence(details: Mapping[str, Any]) -> Promise | None:
    if details.get("answer_outcome") == Outcome.NOT_SENT:
        return _("The portal found after the resolution that nothing was sent to order %(order)s")
    return None


# The outcome of the send was known only after the resolution, which it may contradict: by the vendor's
# answer, or because nothing had been sent.
CONSUMER_LATE_ANSWER = EVENTS.define(
    "consumer.late_answer",
    group=EventGroup.CHANGES,
    label=_("Outcome after the resolution"),
    sentence=_(
        "An answer of Sitecore CDP for order %(order)s arrived after the resolution: %(answer_outcome)s"
    ),
    sentence_for=_late_sentence,
    keys=(
        Key("answer_outcome", ValueType.CODE, _("Late outcome"), OUTCOME_LABELS),
        HTTP_STATUS,
        DURATION,
    ),
    outcome=EventOutcome.TO_BE_CHECKED,
)
# A check that was reading the order during the resolution found a consumer that the resolution does not have.
CONSUMER_FOUND_LATE = EVENTS.define(
    "consumer.found_late",
    group=EventGroup.CHANGES,
    label=_("Consumer found after the resolution"),
    sentence=_("A check of order %(order)s found a consumer that the resolution does not have"),
    keys=(CHECK_RESULT, *EVIDENCE),
    outcome=EventOutcome.TO_BE_CHECKED,
)

SUBMISSION_REPEAT_BLOCKED = EVENTS.define(
    "submission.repeat_blocked",
    group=EventGroup.CHANGES,
    label=_("Duplicate send prevented"),
    sentence=_("Duplicate send prevented"),
    keys=(
        Key(
            "why",
            ValueType.CODE,
            _("Reason"),
            {
                "same_form_again": _("the same form was sent again"),
                "form_used_for_another_entry": _("the form was used for another entry"),
                "identical_one_is_open": _("an identical submission is being sent or unknown"),
            },
        ),
    ),
    outcome=EventOutcome.BLOCKED,
)
SUBMISSION_VIEWED = EVENTS.define(
    "submission.viewed",
    group=EventGroup.VIEWS,
    label=_("Submission opened"),
    sentence=_("%(actor)s opened submission %(submission)s"),
)
# A warning said which fields of an entry agree with those of a consumer whose values the person may not see.
CONSUMER_COMPARED = EVENTS.define(
    "consumer.compared",
    group=EventGroup.VIEWS,
    label=_("Consumer compared with an entry"),
    sentence=_("%(actor)s saw which fields of an entry agree with a consumer on order %(order)s"),
    keys=(GUESTS,),
)
# Once for each value of a submission; the actor is the one whose view found it.
VALUE_DOES_NOT_BELONG = EVENTS.define(
    "submission.value_does_not_belong",
    group=EventGroup.SYSTEM,
    label=_("Altered value found"),
    sentence=_("A value of submission %(submission)s does not belong to it: %(value)s"),
    keys=(
        Key(
            "value",
            ValueType.CODE,
            _("Value"),
            {
                "consumer": _("what was sent"),
                "answer": _("what was returned"),
                "vendor_message": _("Sitecore CDP's message"),
                "resolution_note": _("note on the resolution"),
            },
        ),
    ),
    outcome=EventOutcome.TO_BE_CHECKED,
)
SUBMISSIONS_SEARCHED = EVENTS.define(
    "submissions.searched",
    group=EventGroup.VIEWS,
    label=_("Submissions searched"),
    sentence=_("%(actor)s searched the submissions for a consumer by %(by)s"),
    keys=(SEARCH, SEARCHED_BY),
)
# count: searches whose values were deleted because their time had passed.
SEARCHES_ERASED = EVENTS.define(
    "searches.erased",
    group=EventGroup.SYSTEM,
    label=_("Values of searches deleted"),
    sentence=_("The values of %(count)s searches for consumers were deleted"),
    keys=(COUNT,),
)
SUBMISSIONS_LISTED = EVENTS.define(
    "submissions.listed",
    group=EventGroup.VIEWS,
    label=_("List of submissions opened"),
    sentence=_("%(actor)s opened a list of %(count)s submissions"),
    keys=(SUBMISSION_FILTERS, SEARCH, SUBMISSION_SCOPE, COUNT, FIRST_ROW, LAST_ROW, SHOWN_ROWS),
)
VENDOR_RECORD_VIEWED = EVENTS.define(
    "vendor_record.viewed",
    group=EventGroup.VIEWS,
    label=_("Record in Sitecore CDP opened"),
    sentence=_("%(actor)s opened a record in Sitecore CDP (%(kind)s): %(result)s"),
    keys=(RECORD_KIND, READ_RESULT, SHOWN_CONSUMERS, CONSUMERS, GUESTS, GUEST_COUNT),
)
VENDOR_RECORDS_SEARCHED = EVENTS.define(
    "vendor_records.searched",
    group=EventGroup.VIEWS,
    label=_("Records in Sitecore CDP searched"),
    sentence=_("%(actor)s searched for records in Sitecore CDP (%(kind)s) by %(by)s: %(result)s"),
    keys=(
        RECORD_KIND,
        Key(
            "by",  # the kind of search term, never its value
            ValueType.CODES,
            _("Searched by"),
            {
                "order_number": _("order number"),
                "guest_ref": _("guest reference"),
                "email": _("email address"),
                "identifier": _("identifier"),
            },
        ),
        SEARCH,
        READ_RESULT,
        COUNT,
        GUESTS,
        GUEST_COUNT,
    ),
)
IDENTITY_RULE_CHANGED = EVENTS.define(
    "identity_rule.changed",
    group=EventGroup.CHANGES,
    label=_("Identity rule changed"),
    sentence=_("%(actor)s changed the identity rule %(rule)s (%(change)s)"),
    changes=(
        change_of("priority", ValueType.NUMBER, _("Priority")),
        change_of("order", ValueType.NAMES, _("Identifier providers in order")),
    ),
    keys=(
        Key(
            "change",
            ValueType.CODE,
            _("Change"),
            {
                "added": _("added"),
                "removed": _("removed"),
                "moved": _("moved"),
                "restored": _("restored"),
            },
        ),
        Key("rule", ValueType.NAME, _("Rule name")),
        Key("provider", ValueType.NAME, _("Identifier provider")),
    ),
)
# The names of the fields are a preference of the person and not part of the event.
PASTE_COLUMNS_CHANGED = EVENTS.define(
    "paste_columns.changed",
    group=EventGroup.CHANGES,
    label=_("Order of pasted columns changed"),
    sentence=_("%(actor)s chose the fields of %(count)s pasted columns"),
    keys=(COUNT,),
)


def is_reconciliation(action: str, details: Mapping[str, Any]) -> bool:
    """Whether an event describes an act of reconciliation, even if a person requested the check."""
    if action == CONSUMER_RESOLVED.name:
        return bool(details.get("reason") == BY_RECONCILIATION)
    return action in (CONSUMER_CHECKED.name, CONSUMER_CHECK_FAILED.name, CONSUMER_FOUND_LATE.name)
