from django.urls import path

from apps.history.views import export

app_name = "history"
urlpatterns = [
    path("submissions/export/", export.export, name="export"),
    path("submissions/exports/<uuid:export_id>/", export.exported, name="exported"),
    path("submissions/exports/<uuid:export_id>/file/", export.file, name="export_file"),
    path("submissions/exports/<uuid:export_id>/progress/", export.progress, name="export_progress"),
    path("submissions/exports/<uuid:export_id>/cancel/", export.cancel, name="export_cancel"),
]
