from django.urls import path

from apps.privacy import views

app_name = "privacy"
urlpatterns = [
    path("audit/access/", views.access, name="access"),
    path("audit/access/file/", views.access_file, name="access_file"),
]
