from django.urls import path

from apps.consumers.views import (
    drafts,
    entry,
    identity_rules,
    next_traveller,
    order_panel,
    phones,
    resolving,
    submissions,
    taking,
)

app_name = "consumers"
urlpatterns = [
    path("consumers/new/", entry.new, name="new"),
    path("consumers/drafts/<uuid:public_id>/", drafts.save_draft, name="save_draft"),
    path("consumers/drafts/<uuid:public_id>/discard/", drafts.discard_draft, name="discard_draft"),
    path("consumers/shortcuts/", next_traveller.set_shortcuts, name="set_shortcuts"),
    path("consumers/phone-reading/", phones.phone_reading, name="phone_reading"),
    path("orders/panel/", order_panel.order_panel, name="order_panel"),
    path("submissions/<uuid:public_id>/", submissions.receipt, name="receipt"),
    path("submissions/<uuid:public_id>/resolve/", resolving.resolve, name="resolve"),
    path("submissions/<uuid:public_id>/take/", taking.take, name="take"),
    path("submissions/<uuid:public_id>/release/", taking.release, name="release"),
    path("submissions/<uuid:public_id>/note/", taking.note, name="note"),
    path("submissions/<uuid:public_id>/check/", submissions.check_now, name="check_now"),
    path("identity-rules/", identity_rules.identity_rules, name="identity_rules"),
    path("identity-rules/<int:pk>/move/", identity_rules.move_identity_rule, name="move_identity_rule"),
    path(
        "identity-rules/restore/<int:pk>/", identity_rules.restore_identity_rule, name="restore_identity_rule"
    ),
    path("identity-rules/<int:pk>/remove/", identity_rules.remove_identity_rule, name="remove_identity_rule"),
]
