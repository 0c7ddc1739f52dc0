from django.urls import path

from apps.history.views import export, figures, past_exports, saved_views
from apps.history.views import list as list_view

app_name = "history"
urlpatterns = [
    path("submissions/", list_view.submissions, name="submissions"),
    path("submissions/columns/", saved_views.columns, name="columns"),
    path("submissions/views/", saved_views.views, name="views"),
    path("submissions/views/new/", saved_views.new_view, name="new_view"),
    path("submissions/views/<uuid:view_id>/", saved_views.view, name="view"),
    path("submissions/views/<uuid:view_id>/delete/", saved_views.delete_view, name="delete_view"),
    path("submissions/figures/", figures.figures, name="figures"),
    path("submissions/figures/file/", figures.file, name="figures_file"),
    path("submissions/export/", export.export, name="export"),
    path("submissions/exports/", past_exports.past_exports, name="past_exports"),
    path("submissions/exports/<uuid:export_id>/", export.exported, name="exported"),
    path("submissions/exports/<uuid:export_id>/file/", export.file, name="export_file"),
    path("submissions/exports/<uuid:export_id>/progress/", export.progress, name="export_progress"),
    path("submissions/exports/<uuid:export_id>/cancel/", export.cancel, name="export_cancel"),
    path("submissions/exports/<uuid:export_id>/again/", past_exports.again, name="export_again"),
]
