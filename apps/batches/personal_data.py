"""The personal data of batches, for the registry in ``core.personal_data``."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.batches.models import Batch, BatchRow
from apps.core.personal_data import EncryptedColumn, PersonalModel

PERSONAL: Final = (
    PersonalModel(
        Batch,
        encrypted=(EncryptedColumn("encrypted_headers", "batch.headers", _("Headers of a list")),),
    ),
    PersonalModel(
        BatchRow,
        encrypted=(
            EncryptedColumn("encrypted_cells", "batch_row.cells", _("A row of a list, as uploaded")),
            EncryptedColumn("encrypted_values", "batch_row.values", _("A row of a list, as an entry")),
            EncryptedColumn(
                "encrypted_findings", "batch_row.findings", _("What was found in a row of a list")
            ),
        ),
    ),
)
