"""The personal data of exports, for the registry in ``core.personal_data``."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.core.personal_data import EncryptedColumn, PersonalModel
from apps.history.models import Export

PERSONAL: Final = (
    PersonalModel(
        Export, encrypted=(EncryptedColumn("encrypted_note", "export.note", _("Note on an export")),)
    ),
)
