"""Who may do what: the whole matrix. Imports no app; each permission is defined by the app that owns it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

STAFF = "staff"
SUPERVISOR = "supervisor"
ADMINISTRATOR = "administrator"
# Not a role: given to a person in addition to one, because no role brings it.
PERSONAL_DATA_EXPORT = "personal_data_export"

_EVERYDAY = (
    "consumers.create_order_consumer",
    "consumers.view_own_submissions",
    "consumers.view_vendor_records",
)
ROLES: dict[str, tuple[str, ...]] = {
    STAFF: _EVERYDAY,
    SUPERVISOR: (
        *_EVERYDAY,
        "consumers.view_all_submissions",
        "consumers.export_submissions",
        "consumers.resolve_submission",
        "consumers.view_figures",
    ),
    # Sees no consumer's personal data by virtue of being an administrator.
    ADMINISTRATOR: (
        "consumers.change_identity_rules",
        "accounts.manage_people",
        "accounts.view_status",
        "audit.view_log",
        "audit.verify_log",
    ),
}
SEPARATE_GRANTS: dict[str, tuple[str, ...]] = {PERSONAL_DATA_EXPORT: ("consumers.export_personal_data",)}

# What a person can be granted; each becomes a Django group of this name.
GRANTS: dict[str, tuple[str, ...]] = ROLES | SEPARATE_GRANTS
LABELS = {
    STAFF: _("Staff"),
    SUPERVISOR: _("Supervisor"),
    ADMINISTRATOR: _("Administrator"),
    PERSONAL_DATA_EXPORT: _("Export of personal data"),
}
PERMISSIONS = frozenset(permission for permissions in GRANTS.values() for permission in permissions)
