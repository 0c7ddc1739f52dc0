"""What the reader of a batch has to know about its file."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from apps.batches import labels
from apps.batches.models import Batch
from apps.batches.reading.table import Finding, FindingCode


def finding_texts(batch: Batch) -> tuple[str, ...]:
    """What the reader has to know about the file, and which of its columns are not sent."""
    texts = [
        labels.finding_text(Finding(FindingCode(one["code"]), one.get("count", 0), one.get("detail", "")))
        for one in batch.findings
    ]
    names = _unsent_columns(batch)
    if names:
        text = ngettext(
            "This column is not sent: %(names)s.", "These columns are not sent: %(names)s.", len(names)
        )
        texts.append(text % {"names": ", ".join(names)})
    return tuple(texts)


def _unsent_columns(batch: Batch) -> list[str]:
    """The columns without a field, by their headers, or by their numbers where there are none."""
    headers = batch.headers
    return [
        (headers[index] if index < len(headers) else "")
        or gettext("column %(number)s") % {"number": index + 1}
        for index, target in enumerate(batch.targets)
        if not target
    ]
