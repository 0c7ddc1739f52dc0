from django.urls import path

from apps.audit.views import export as export_views
from apps.audit.views import integrity as integrity_views
from apps.audit.views import log as views

app_name = "audit"
urlpatterns = [
    path("audit/", views.log, name="log"),
    path("audit/integrity/", integrity_views.integrity, name="integrity"),
    path("audit/integrity/verify/", integrity_views.verify_now, name="verify"),
    path("audit/integrity/proof/", integrity_views.download_proof, name="proof"),
    path("audit/export/", export_views.export_log, name="export"),
    path("audit/<int:seq>/", views.event, name="event"),
]
