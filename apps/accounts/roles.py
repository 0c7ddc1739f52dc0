"""The full matrix of roles and permissions. Imports no app; each app defines its own permissions."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

STAFF = "staff"
SUPERVISOR = "supervisor"
AUDITOR = "auditor"
ADMINISTRATOR = "administrator"
# A separate grant, not a role: no role includes it.
PERSONAL_DATA_EXPORT = "personal_data_export"

_STAFF_PERMISSIONS = (
    "consumers.create_order_consumer",
    "consumers.view_own_submissions",
    "consumers.view_vendor_records",
    "batches.send_batches",
)
ROLES: dict[str, tuple[str, ...]] = {
    STAFF: _STAFF_PERMISSIONS,
    SUPERVISOR: (
        *_STAFF_PERMISSIONS,
        "consumers.view_all_submissions",
        "consumers.export_submissions",
        "consumers.resolve_submission",
        "consumers.view_figures",
        "batches.control_all_batches",
        "history.share_views",
        "history.view_past_exports",
    ),
    # Changes nothing and shows no personal data of consumers.
    AUDITOR: (
        "audit.view_log",
        "audit.verify_log",
        "audit.report_access",
        "history.view_past_exports",
    ),
    # Gives no access to consumers' personal data.
    ADMINISTRATOR: (
        "consumers.change_identity_rules",
        "accounts.manage_people",
        "accounts.view_status",
        "audit.view_log",
        "audit.verify_log",
        "audit.report_access",
        "history.view_past_exports",
    ),
}
SEPARATE_GRANTS: dict[str, tuple[str, ...]] = {PERSONAL_DATA_EXPORT: ("consumers.export_personal_data",)}

# Everything that can be granted to a person; each becomes a Django group of this name.
GRANTS: dict[str, tuple[str, ...]] = ROLES | SEPARATE_GRANTS
LABELS = {
    STAFF: _("Staff"),
    SUPERVISOR: _("Supervisor"),
    AUDITOR: _("Auditor"),
    ADMINISTRATOR: _("Administrator"),
    PERSONAL_DATA_EXPORT: _("Export of personal data"),
}


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """The permissions that these roles give together."""
    return frozenset(permission for role in roles for permission in GRANTS[role])
