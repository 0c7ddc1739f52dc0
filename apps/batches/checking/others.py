"""The people whom warnings and states of rows are about, besides those of the batch."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from apps.batches.checking.findings import RowWarning
from apps.batches.recording import Others
from apps.consumers.sending.warnings import consumer_of_key


def others_of(warnings: Iterable[RowWarning], earlier: Iterable[uuid.UUID | None]) -> Others:
    """``warnings``: those that are shown. ``earlier``: the submissions of rows that were sent already.

    A warning that counts several consumers names none of them.
    """
    submissions, consumers = [str(one) for one in earlier if one], []
    for warning in warnings:
        if warning.also:
            continue
        if warning.submission:
            submissions.append(warning.submission)
        elif ref := consumer_of_key(warning.key):
            consumers.append(ref)
    return Others(tuple(dict.fromkeys(submissions)), tuple(dict.fromkeys(consumers)))
