"""The event types of batches. The rows' submissions have the events of every submission."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, EventGroup, EventOutcome, Key, ValueType
from apps.batches.models import PauseReason, ReleaseReason, RowState, SourceKind
from apps.consumers.audit_keys import BATCH, BATCH_ROW, OVERRIDDEN_WARNINGS, SIMILAR_REASON

EVENTS = AppEvents("batches")

ROWS = Key("rows", ValueType.NUMBER, _("Rows"))
SOURCE = Key("source", ValueType.CODE, _("Source"), dict(SourceKind.choices))
REPLACES = Key("replaces", ValueType.WORD, _("Earlier list"), record="batch")
PAUSE_REASON = Key("pause_reason", ValueType.CODE, _("Reason"), dict(PauseReason.choices))
RELEASE_REASON = Key("release_reason", ValueType.CODE, _("Reason"), dict(ReleaseReason.choices))
# No row of a finished batch is being sent. The sum of the others is the number of rows.
COUNTED_AT_THE_END = tuple(state for state in RowState if state is not RowState.SENDING)
# The people whom warnings and states of the shown rows are about, besides those of the batch: submissions by
# their public ids, and consumers that only Sitecore CDP has; up to 50 each. others: the number of both.
_OTHER_SUBMISSIONS = Key("submissions", ValueType.WORDS, _("Submissions that rows are like"))
_OTHER_CONSUMERS = Key("consumers", ValueType.WORDS, _("Consumers that rows are like"))
_OTHERS = Key("others", ValueType.NUMBER, _("Consumers and submissions that rows are like"))
# The rows in a file or on a page that were sent as they are, as runs of their numbers, up to 50.
_SENT = Key("sent", ValueType.WORDS, _("Rows that were sent as they are"))
_NAMED = (_OTHER_SUBMISSIONS, _OTHER_CONSUMERS, _OTHERS)

BATCH_UPLOADED = EVENTS.define(
    "batch.uploaded",
    group=EventGroup.CHANGES,
    label=_("List uploaded"),
    sentence=_("%(actor)s uploaded a list for order %(order)s (rows: %(rows)s)"),
    keys=(BATCH, ROWS, SOURCE, REPLACES),
)
BATCH_COLUMNS_CHOSEN = EVENTS.define(
    "batch.columns_chosen",
    group=EventGroup.CHANGES,
    label=_("Columns of a list chosen"),
    sentence=_("%(actor)s chose the fields of the columns of a list for order %(order)s"),
    keys=(BATCH, ROWS),
)
# rows: how many are to be sent.
BATCH_CONFIRMED = EVENTS.define(
    "batch.confirmed",
    group=EventGroup.CHANGES,
    label=_("List confirmed"),
    sentence=_("%(actor)s confirmed that a list is sent to order %(order)s (rows: %(rows)s)"),
    keys=(BATCH, ROWS, OVERRIDDEN_WARNINGS, SIMILAR_REASON),
)
BATCH_PAUSED = EVENTS.define(
    "batch.paused",
    group=EventGroup.CHANGES,
    label=_("List paused"),
    sentence=_("%(actor)s paused sending a list to order %(order)s"),
    keys=(BATCH,),
)
BATCH_PAUSED_BY_PORTAL = EVENTS.define(
    "batch.paused_by_portal",
    group=EventGroup.CHANGES,
    label=_("List paused by the portal"),
    sentence=_("The portal paused sending a list to order %(order)s: %(pause_reason)s"),
    keys=(BATCH, PAUSE_REASON),
    outcome=EventOutcome.FAILED,
)
BATCH_RESUMED = EVENTS.define(
    "batch.resumed",
    group=EventGroup.CHANGES,
    label=_("List resumed"),
    sentence=_("%(actor)s resumed sending a list to order %(order)s"),
    keys=(BATCH, ROWS),
)
# rows: those that were ready and are not sent any more. The batch may never have been sent.
BATCH_STOPPED = EVENTS.define(
    "batch.stopped",
    group=EventGroup.CHANGES,
    label=_("List stopped"),
    sentence=_("%(actor)s stopped a list for order %(order)s (ready rows left out: %(rows)s)"),
    keys=(BATCH, ROWS),
)
BATCH_FINISHED = EVENTS.define(
    "batch.finished",
    group=EventGroup.SYSTEM,
    label=_("List finished"),
    sentence=_("A list for order %(order)s was finished (rows: %(rows)s)"),
    keys=(
        BATCH,
        ROWS,
        *(Key(state.value, ValueType.NUMBER, state.label) for state in COUNTED_AT_THE_END),
    ),
)
# A row whose content was already created is sent all the same.
BATCH_ROW_RELEASED = EVENTS.define(
    "batch.row_released",
    group=EventGroup.CHANGES,
    label=_("Row of a list released"),
    sentence=_("%(actor)s released row %(row)s of a list for order %(order)s: %(release_reason)s"),
    keys=(BATCH, BATCH_ROW, RELEASE_REASON),
)
# The page of another person's batch, or of rows that were sent or are like another consumer.
BATCH_VIEWED = EVENTS.define(
    "batch.viewed",
    group=EventGroup.VIEWS,
    label=_("List opened"),
    sentence=_("%(actor)s opened a list for order %(order)s"),
    keys=(BATCH, ROWS, _SENT, *_NAMED),
)
# The file with every row, its state and its receipt.
BATCH_DOWNLOADED = EVENTS.define(
    "batch.downloaded",
    group=EventGroup.EXPORTS,
    label=_("Result of a list downloaded"),
    sentence=_("%(actor)s downloaded the result of a list for order %(order)s (rows: %(rows)s)"),
    keys=(BATCH, ROWS, _SENT, *_NAMED),
)
# The rows' personal data were deleted because their time had passed.
BATCH_ERASED = EVENTS.define(
    "batch.erased",
    group=EventGroup.SYSTEM,
    label=_("Personal data of a list deleted"),
    sentence=_("The personal data of a list for order %(order)s were deleted (rows: %(rows)s)"),
    keys=(BATCH, ROWS),
)
