"""Check a batch after a change that is stored already."""

from __future__ import annotations

import logging

from apps.batches.checking.check import check_batch
from apps.batches.models import Batch
from apps.cdp.factory import get_client
from apps.core.connections import DATABASE_ERRORS

logger = logging.getLogger(__name__)


def check_stored(batch: Batch) -> None:
    """Check every row. A lost database is logged, not raised: the page of the batch then offers the check."""
    try:
        check_batch(batch, client=get_client())
    except DATABASE_ERRORS:
        logger.exception("batch_not_checked")
