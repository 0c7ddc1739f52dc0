from django.urls import path

from apps.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.log, name="log"),
    path("audit/<int:seq>/", views.event, name="event"),
]
