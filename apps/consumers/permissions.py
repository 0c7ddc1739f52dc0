"""The permissions of this app, as its views and those of other apps name them."""

from __future__ import annotations

from typing import Final

CREATE_ORDER_CONSUMER: Final = "consumers.create_order_consumer"
VIEW_OWN_SUBMISSIONS: Final = "consumers.view_own_submissions"
VIEW_ALL_SUBMISSIONS: Final = "consumers.view_all_submissions"
VIEW_VENDOR_RECORDS: Final = "consumers.view_vendor_records"
RESOLVE_SUBMISSION: Final = "consumers.resolve_submission"
EXPORT_SUBMISSIONS: Final = "consumers.export_submissions"
EXPORT_PERSONAL_DATA: Final = "consumers.export_personal_data"
VIEW_FIGURES: Final = "consumers.view_figures"
CHANGE_IDENTITY_RULES: Final = "consumers.change_identity_rules"
