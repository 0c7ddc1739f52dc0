from django.urls import path

from apps.history.views import export, figures, past_exports
from apps.history.views import list as list_view

app_name = "history"
urlpatterns = [
    path("submissions/", list_view.submissions, name="submissions"),
    path("submissions/figures/", figures.figures, name="figures"),
    path("submissions/export/", export.export, name="export"),
    path("submissions/exports/", past_exports.past_exports, name="past_exports"),
    path("submissions/exports/<uuid:export_id>/", export.exported, name="exported"),
    path("submissions/exports/<uuid:export_id>/file/", export.file, name="export_file"),
    path("submissions/exports/<uuid:export_id>/progress/", export.progress, name="export_progress"),
    path("submissions/exports/<uuid:export_id>/cancel/", export.cancel, name="export_cancel"),
    path("submissions/exports/<uuid:export_id>/again/", past_exports.again, name="export_again"),
]
