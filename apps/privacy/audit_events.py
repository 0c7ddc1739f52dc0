"""The event types of access reports: who asked who has seen a person's data."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, EventGroup, Key, ValueType
from apps.consumers.audit_keys import SEARCH, SEARCHED_BY

EVENTS = AppEvents("privacy")

# The lowest and the highest sequence number of the events in it, and their number by verdict.
_FIRST = Key("first", ValueType.NUMBER, _("First event"))
_LAST = Key("last", ValueType.NUMBER, _("Last event"))
_COUNT = Key("count", ValueType.NUMBER, _("Number"))
_POSSIBLE = Key("possible", ValueType.NUMBER, _("Could have shown"))
_ABOUT = Key(
    "about",
    ValueType.CODE,
    _("About"),
    {"consumer": _("consumer reference"), "guest": _("guest reference"), "search": _("a personal value")},
)
_SINCE = Key("since", ValueType.WORD, _("From"))
_UNTIL = Key("until", ValueType.WORD, _("Until"))
_RESULT = Key("result", ValueType.CODE, _("Result"), {"too_many": _("too many people")})
_KEYS = (_ABOUT, _RESULT, SEARCH, _SINCE, _UNTIL, _COUNT, _POSSIBLE, _FIRST, _LAST)

# The value that was searched for is in the recorded search, encrypted.
ACCESS_REPORT_SEARCHED = EVENTS.define(
    "access_report.searched",
    group=EventGroup.VIEWS,
    label=_("Access report asked for"),
    sentence=_("%(actor)s asked who has seen the data of a consumer, by %(by)s"),
    keys=(SEARCH, SEARCHED_BY),
)
ACCESS_REPORT_VIEWED = EVENTS.define(
    "access_report.viewed",
    group=EventGroup.VIEWS,
    label=_("Access report opened"),
    sentence=_("%(actor)s opened an access report (%(about)s)"),
    keys=_KEYS,
)
ACCESS_REPORT_EXPORTED = EVENTS.define(
    "access_report.exported",
    group=EventGroup.EXPORTS,
    label=_("Access report exported"),
    sentence=_("%(actor)s exported an access report of %(count)s events (%(about)s)"),
    keys=_KEYS,
)
# keys, ranges: rows of the index that were missing. beyond: events that showed more records than they name.
ACCESS_INDEX_COMPLETED = EVENTS.define(
    "access_report.index_completed",
    group=EventGroup.SYSTEM,
    label=_("Index of the access report completed"),
    sentence=_(
        "The index of the access report was compared with %(events)s events; %(keys)s keys and %(ranges)s"
        " ranges were missing"
    ),
    keys=(
        Key("events", ValueType.NUMBER, _("Events compared")),
        Key("keys", ValueType.NUMBER, _("Keys added")),
        Key("ranges", ValueType.NUMBER, _("Ranges added")),
        Key("beyond", ValueType.NUMBER, _("Events that showed more than they name")),
        Key("unreadable", ValueType.NUMBER, _("Events that cannot be read")),
    ),
)
