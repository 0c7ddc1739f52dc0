"""The event type of a search for the vendor's records. To open one is ``vendor_record.viewed``."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, Key, ValueType
from apps.consumers.audit_keys import COUNT, READ_RESULT, RECORD_KIND

EVENTS = AppEvents("orders")

VENDOR_RECORDS_SEARCHED = EVENTS.define(
    "vendor_records.searched",
    label=_("Records in Sitecore CDP searched"),
    sentence=_("%(actor)s searched for records in Sitecore CDP (%(kind)s) by %(by)s: %(result)s"),
    keys=(
        RECORD_KIND,
        Key(
            "by",  # what was searched for, never the value
            ValueType.CODES,
            _("Searched by"),
            {"order_number": _("order number"), "guest_ref": _("guest reference")},
        ),
        READ_RESULT,
        COUNT,
    ),
)
