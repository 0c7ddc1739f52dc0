from django.urls import path

from apps.consumers.views import entry, resolving, rules, submissions

app_name = "consumers"
urlpatterns = [
    path("consumers/new/", entry.new, name="new"),
    path("submissions/<uuid:public_id>/", submissions.receipt, name="receipt"),
    path("submissions/<uuid:public_id>/settle/", resolving.settle, name="settle"),
    path("submissions/<uuid:public_id>/check/", submissions.check_now, name="check_now"),
    path("identity-rules/", rules.identity_rules, name="identity_rules"),
    path("identity-rules/<int:pk>/remove/", rules.remove_identity_rule, name="remove_identity_rule"),
]
