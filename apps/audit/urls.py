from django.urls import path

from apps.audit import export_views, views

app_name = "audit"
urlpatterns = [
    path("audit/", views.log, name="log"),
    path("audit/export/", export_views.export_log, name="export"),
    path("audit/<int:seq>/", views.event, name="event"),
]
