"""The portal's settings with the Django admin, for a benchmark alone: nothing else installs it."""

from consumerportal.settings import *  # noqa: F403  # these settings with a few changes
from consumerportal.settings import INSTALLED_APPS as _APPS
from consumerportal.settings import STORAGES as _STORAGES

INSTALLED_APPS = [*_APPS, "django.contrib.admin"]
ROOT_URLCONF = "benchmarks.with_admin.urls"
# Django's own, as a new project has them: nothing of the portal's is in the admin's time.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # will not be left out
]
# The admin's own static files have not been collected.
STORAGES = {
    **_STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
