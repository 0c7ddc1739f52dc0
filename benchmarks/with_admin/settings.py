"""The portal's settings with the Django admin, only for a benchmark."""

from consumerportal.settings import *  # noqa: F403  # these settings with a few changes
from consumerportal.settings import INSTALLED_APPS as _APPS
from consumerportal.settings import STORAGES as _STORAGES

INSTALLED_APPS = [*_APPS, "django.contrib.admin"]
ROOT_URLCONF = "benchmarks.with_admin.urls"
# Django's own middleware, as in a new project: the admin's time contains nothing of the portal's.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # cannot be omitted
]
# The admin's own static files have not been collected.
STORAGES = {
    **_STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
