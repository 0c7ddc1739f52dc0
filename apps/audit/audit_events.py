"""The event types of the audit log itself: viewing, export, signing, verification, and limits."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, EventGroup, EventOutcome, Key, ValueType, find_event_type

EVENTS = AppEvents("audit")

_FILTER_NAMES = {
    "since": _("from"),
    "until": _("to"),
    "person": _("person"),
    "account": _("done to"),
    "group": _("group"),
    "with_system": _("with system events"),
    "without_system": _("without system events"),
    "action": _("action"),
    "outcome": _("outcome"),
    "session": _("session"),
    "address": _("client address"),
    "reference": _("reference"),
    "failures": _("only failures and denials"),
}


def _name_and_value(text: str) -> str | None:
    name, _colon, value = text.partition(":")
    event_type = find_event_type(value) if name == "action" else None
    label = (
        event_type.label
        if event_type
        else {**dict(EventOutcome.choices), **dict(EventGroup.choices)}.get(value, value)
    )
    return f"{_FILTER_NAMES[name]} {label}" if name in _FILTER_NAMES else None


# A name alone, or with its value: "action:consumer.created".
FILTERS = Key("filters", ValueType.WORDS, _("Filters"), _FILTER_NAMES, describe=_name_and_value)
# FIRST and LAST: the lowest and the highest sequence number. ROWS: the number of rows sent or removed.
FIRST = Key("first", ValueType.NUMBER, _("First event"))
LAST = Key("last", ValueType.NUMBER, _("Last event"))
ROWS = Key("rows", ValueType.NUMBER, _("Rows"))
FORMAT = Key("format", ValueType.CODE, _("Format"), {"csv": _("CSV"), "jsonl": _("JSON Lines")})
HASH = Key("hash", ValueType.CODE, _("Hash of the last event"))  # of the last removed row
VERDICT = Key(
    "verdict",
    ValueType.CODE,
    _("Verdict"),
    {
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
        "written_past_portal": _("written past the portal"),
        "mac_key_unknown": _("with a MAC under an unknown key"),
        "unsigned": _("unchanged, but not signed yet"),
    },
)
_VERIFICATION = (
    VERDICT,
    Key("about", ValueType.NUMBER, _("Event of the verdict")),
    Key("checkpoint", ValueType.NUMBER, _("Checkpoint")),
    FIRST,
    LAST,
    Key(
        "scope",
        ValueType.CODE,
        _("Scope"),
        {"whole": _("the whole log"), "rest": _("the events after the last checkpoint")},
    ),
    Key("acknowledged", ValueType.NUMBER, _("Acknowledged events written past the portal")),
)
LIMITED_ACT = Key(
    "what",
    ValueType.CODE,
    _("Limit"),
    {
        "search": _("searches"),
        "export": _("exports"),
        "list": _("new lists"),
        "denial": _("denied pages"),
    },
)

AUDIT_VIEWED = EVENTS.define(
    "audit.viewed",
    group=EventGroup.VIEWS,
    label=_("Audit log opened"),
    sentence=_("%(actor)s opened the audit log (filters: %(filters)s)"),
    keys=(FILTERS, Key("count", ValueType.NUMBER, _("Number")), FIRST, LAST),
)
AUDIT_EVENT_VIEWED = EVENTS.define(
    "audit.event_viewed",
    group=EventGroup.VIEWS,
    label=_("Event of the audit log opened"),
    sentence=_("%(actor)s opened event %(event)s of the audit log"),
    keys=(Key("event", ValueType.NUMBER, _("Event number")),),
)
AUDIT_EXPORT_STARTED = EVENTS.define(
    "audit.export_started",
    group=EventGroup.EXPORTS,
    label=_("Export of the audit log started"),
    sentence=_("%(actor)s started to export the audit log from event %(first)s to %(last)s (%(format)s)"),
    keys=(FILTERS, FORMAT, FIRST, LAST),
)
AUDIT_EXPORTED = EVENTS.define(
    "audit.exported",
    group=EventGroup.EXPORTS,
    label=_("Audit log exported"),
    sentence=_(
        "%(actor)s exported the audit log from event %(first)s to %(last)s (%(format)s, %(rows)s events)"
    ),
    keys=(FILTERS, FORMAT, FIRST, LAST, ROWS),
)
AUDIT_EXPORT_FAILED = EVENTS.define(
    "audit.export_failed",
    group=EventGroup.EXPORTS,
    label=_("Export of the audit log failed"),
    sentence=_(
        "The export of the audit log by %(actor)s failed after %(rows)s events (%(first)s to %(last)s)"
    ),
    keys=(FILTERS, FORMAT, FIRST, LAST, ROWS),
    outcome=EventOutcome.FAILED,
)
AUDIT_RETENTION_DECIDED = EVENTS.define(
    "audit.retention_decided",
    group=EventGroup.CHANGES,
    label=_("Removal of the oldest events decided"),
    sentence=_("%(actor)s decided to remove events %(first)s to %(last)s"),
    keys=(FIRST, LAST, ROWS, HASH),
)
AUDIT_RETENTION_APPLIED = EVENTS.define(
    "audit.retention_applied",
    group=EventGroup.CHANGES,
    label=_("Oldest events removed"),
    sentence=_("%(actor)s removed events %(first)s to %(last)s"),
    keys=(FIRST, LAST, ROWS, HASH),
)
AUDIT_CHECKPOINT_SIGNED = EVENTS.define(
    "audit.checkpoint_signed",
    group=EventGroup.SYSTEM,
    label=_("Audit log signed"),
    sentence=_("%(actor)s signed the audit log up to event %(last)s"),
    keys=(
        LAST,
        Key("key", ValueType.CODE, _("Signing key")),
        # Each machine has its own file, identified by the first 16 digits of the file's first signature.
        Key("file", ValueType.CODE, _("File of checkpoints")),
    ),
)
AUDIT_VERIFIED = EVENTS.define(
    "audit.verified",
    group=EventGroup.SYSTEM,
    label=_("Audit log verified"),
    sentence=_("%(actor)s verified the audit log from event %(first)s to %(last)s: %(verdict)s"),
    sentence_for=lambda details: (
        _(
            "%(actor)s verified the audit log from event %(first)s to %(last)s: %(verdict)s, except for"
            " %(acknowledged)s acknowledged events that were written past the portal"
        )
        if details.get("acknowledged")
        else None
    ),
    keys=_VERIFICATION,
)
AUDIT_FOUND_ALTERED = EVENTS.define(
    "audit.found_altered",
    group=EventGroup.SYSTEM,
    label=_("Audit log found altered"),
    sentence=_("%(actor)s found the audit log altered at event %(about)s: %(verdict)s"),
    sentence_for=lambda details: (
        _("%(actor)s found that the end of the audit log is missing: it ended before event %(about)s")
        if details.get("verdict") == "tail_cut"
        else None
    ),
    keys=_VERIFICATION,
    outcome=EventOutcome.FAILED,
)
AUDIT_ACKNOWLEDGED = EVENTS.define(
    "audit.acknowledged",
    group=EventGroup.CHANGES,
    label=_("Events written past the portal acknowledged"),
    sentence=_("%(actor)s acknowledged that events %(events)s were written past the portal (%(report)s)"),
    keys=(
        Key("events", ValueType.WORDS, _("Events written past the portal")),  # "7", or a range "9-12"
        Key("report", ValueType.WORD, _("Report")),  # the reference of the report, no text
    ),
)
AUDIT_PROOF_DOWNLOADED = EVENTS.define(
    "audit.proof_downloaded",
    group=EventGroup.EXPORTS,
    label=_("Proof downloaded"),
    sentence=_("%(actor)s downloaded the proof of the audit log up to this event"),
    keys=(Key("last", ValueType.NUMBER, _("Last event before the download")),),
)
# Recorded once per period of the limit, not for each further request.
LIMIT_REACHED = EVENTS.define(
    "limit.reached",
    group=EventGroup.VIEWS,
    label=_("Limit reached"),
    sentence=_("%(actor)s reached a limit (%(what)s)"),
    keys=(LIMITED_ACT,),
    outcome=EventOutcome.DENIED,
)
