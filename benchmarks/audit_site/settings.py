"""The portal's settings with the peers of its audit log, only for benchmarks."""

from consumerportal.settings import *  # noqa: F403  # these settings with a few changes
from consumerportal.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [
    *_APPS,
    "django.contrib.admin",
    "django.contrib.sessions",  # imported by easyaudit, although the sessions are the portal's
    "auditlog",
    "easyaudit",
    "benchmarks.audit_site",
]
ROOT_URLCONF = "benchmarks.audit_site.urls"
# Django's own middleware, as in a new project: the admin's time contains nothing of the portal's.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # cannot be omitted
]
# Each package watches one model, so that the other facts are unaffected.
AUDITLOG_INCLUDE_TRACKING_MODELS = ("audit_site.FactOfAuditlog",)
DJANGO_EASY_AUDIT_REGISTERED_CLASSES = ["audit_site.FactOfEasyAudit"]
DJANGO_EASY_AUDIT_WATCH_AUTH_EVENTS = DJANGO_EASY_AUDIT_WATCH_REQUEST_EVENTS = False
