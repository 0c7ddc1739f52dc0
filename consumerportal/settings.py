"""Every setting of the portal. Values come from the environment; `.env.example` explains each."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import bootstrap
import environ
import structlog
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from apps.accounts.redaction import hide_addresses
from apps.core.tracebacks import without_text
from consumerportal.startup import Startup, audit_signing_key, fernet_keys, host_names, listed, long_enough

# Whatever a process of the portal creates is its user's alone: SQLite's files, exports, the spool.
os.umask(0o077)
BASE_DIR = Path(__file__).resolve().parent.parent

ENV_FILE = BASE_DIR / ".env"
env = environ.Env()
if os.environ.get("PORTAL_MODE") != "practice":
    # Practice never reads the file of a production that lives in the same folder. The real environment wins.
    environ.Env.read_env(ENV_FILE)

# --- Mode and what has to be safe -----------------------------------------------------------------
startup = Startup(env)
PRACTICE_MODE = startup.practice
SECRET_KEY = startup.required("SECRET_KEY", long_enough)
# The first key encrypts; all of them decrypt, so that a key can be replaced without losing anything.
ENCRYPTION_KEYS = listed(startup.required("ENCRYPTION_KEYS", fernet_keys))
DIGEST_KEY = startup.required("DIGEST_KEY", long_enough)
AUDIT_SIGNING_KEY = startup.required("AUDIT_SIGNING_KEY", audit_signing_key)
ALLOWED_HOSTS = listed(startup.required("ALLOWED_HOSTS", host_names))
CDP_CLIENT_KEY = startup.required("CDP_CLIENT_KEY")
CDP_API_TOKEN = startup.required("CDP_API_TOKEN")
CDP_BASE_URL = startup.required("CDP_BASE_URL")
# --- Sitecore CDP (seconds, bytes) ----------------------------------------------------------------
CDP_EXTRA_HOSTS: list[str] = env.list("CDP_EXTRA_HOSTS", default=[])
CDP_CONNECT_TIMEOUT: float = env.float("CDP_CONNECT_TIMEOUT", default=5.0)
CDP_READ_TIMEOUT: float = env.float("CDP_READ_TIMEOUT", default=20.0)
CDP_TOTAL_TIMEOUT: float = env.float("CDP_TOTAL_TIMEOUT", default=30.0)
CDP_CA_FILE: str = env.str("CDP_CA_FILE", default="")
CDP_PROXY: str = env.str("CDP_PROXY", default="")
CDP_MAX_ANSWER_BYTES: int = env.int("CDP_MAX_ANSWER_BYTES", default=1_000_000)
# --- Finding out what came of an unknown outcome ---------------------------------------------------
# The vendor's page of the list of an order's consumers was not found: the tenant has to confirm the address.
CDP_RECONCILIATION: bool = env.bool("CDP_RECONCILIATION", default=PRACTICE_MODE)
CDP_RECONCILIATION_AFTER: list[float] = env.list(
    "CDP_RECONCILIATION_AFTER", float, [2, 10, 60, 600, 3600, 86400]
)  # seconds
MACHINE_NAME: str = env.str("MACHINE_NAME", default="") or socket.gethostname()
WORKER_SILENT_SECONDS: int = env.int("WORKER_SILENT_SECONDS", default=120)
# Where an outcome waits that the database did not take: references and codes, nothing personal.
SPOOL_DIR = Path(env.str("SPOOL_DIR", default=str(BASE_DIR / "var/spool")))

# --- The web server process -----------------------------------------------------------------------
WEB_WORKERS: int = env.int("WEB_WORKERS", default=2)
WEB_THREADS: int = env.int("WEB_THREADS", default=64)
# In how many seconds a request has to arrive: its head, then its body.
WEB_HEAD_SECONDS: int = env.int("WEB_HEAD_SECONDS", default=30)
WEB_BODY_SECONDS: int = env.int("WEB_BODY_SECONDS", default=60)
# Calls to Sitecore CDP at a time, in each process. What is left of the threads answers everybody else.
THREADS_FOR_PAGES = 20
CDP_IN_FLIGHT: int = env.int("CDP_IN_FLIGHT", default=WEB_THREADS - THREADS_FOR_PAGES)
CDP_POOL_SIZE = CDP_IN_FLIGHT  # a thread never waits for a connection

# --- Exports of submissions -----------------------------------------------------------------------
EXPORTS_AT_ONCE: int = env.int("EXPORTS_AT_ONCE", default=3)  # of all processes together
EXPORT_STALL_SECONDS: int = env.int("EXPORT_STALL_SECONDS", default=600)
EXPORT_DIR: str = env.str("EXPORT_DIR", default="")

# --- The audit log's evidence ----------------------------------------------------------------------
# Public keys of signing keys that were replaced: what they signed still counts.
AUDIT_FORMER_PUBLIC_KEYS: list[str] = env.list("AUDIT_FORMER_PUBLIC_KEYS", default=[])

# --- The country list beside ISO 3166-1 -------------------------------------------------------------
EXTRA_COUNTRIES: list[str] = env.list("EXTRA_COUNTRIES", default=[])

# --- In front of the portal ------------------------------------------------------------------------
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])
TLS_AT_PROXY: bool = env.bool("TLS_AT_PROXY", default=False)

# --- What is wrong with all that, in one message --------------------------------------------------
startup.practice_stays_home(CDP_BASE_URL)
startup.client_settings(
    CDP_BASE_URL,
    CDP_EXTRA_HOSTS,
    {"connect": CDP_CONNECT_TIMEOUT, "read": CDP_READ_TIMEOUT, "total": CDP_TOTAL_TIMEOUT},
)
startup.audit_public_keys(AUDIT_FORMER_PUBLIC_KEYS)
startup.calls_leave_threads(CDP_IN_FLIGHT, threads=WEB_THREADS, for_pages=THREADS_FOR_PAGES)
startup.networks("TRUSTED_PROXIES", TRUSTED_PROXIES)
startup.client_addresses(TRUSTED_PROXIES, tls_at_proxy=TLS_AT_PROXY)
startup.check_times(CDP_RECONCILIATION_AFTER)
startup.country_codes(EXTRA_COUNTRIES)
startup.positive("WORKER_SILENT_SECONDS", WORKER_SILENT_SECONDS)
startup.positive("WEB_HEAD_SECONDS", WEB_HEAD_SECONDS)
startup.positive("WEB_BODY_SECONDS", WEB_BODY_SECONDS)
startup.stop_if_unsafe()

DEBUG = False  # in every mode: a debug page shows request bodies
VERSION = "0.1.0"

# --- The form -------------------------------------------------------------------------------------
PHONE_REGION: str = env.str("PHONE_REGION", default="IE")
DATE_ORDER: str = env.str("DATE_ORDER", default="day-month")
COMMON_TITLES: list[str] = env.list("COMMON_TITLES", default=["Mr", "Mrs", "Ms", "Miss", "Dr"])
EXTRA_TITLES: list[str] = env.list("EXTRA_TITLES", default=[])
REQUIRED_FIELDS: list[str] = env.list("REQUIRED_FIELDS", default=["first_name", "last_name"])
COUNTRIES_OVERRIDE = dict(pair.split("=", 1) for pair in EXTRA_COUNTRIES)  # django-countries
MAX_EMAILS: int = env.int("MAX_EMAILS", default=20)
MAX_PHONE_NUMBERS: int = env.int("MAX_PHONE_NUMBERS", default=20)
MAX_IDENTIFIERS: int = env.int("MAX_IDENTIFIERS", default=200)
IDENTITY_REQUIRED: bool = env.bool("IDENTITY_REQUIRED", default=False)
EMAIL_IDENTIFIES: bool = env.bool("EMAIL_IDENTIFIES", default=True)
# Two of each row's fields for twice the permitted rows: the clear error, not a bare 400, up to there.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4 * (MAX_IDENTIFIERS + MAX_EMAILS + MAX_PHONE_NUMBERS) + 200

# The first one refuses every file that no view takes, before the others store it.
FILE_UPLOAD_HANDLERS = [
    "apps.core.uploads.GuardingUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "crispy_forms",
    "csp",
    "django_structlog",
    "apps.core",
    "apps.audit",
    "apps.accounts",
    "apps.consumers",
    "apps.orders",
    "apps.history",
    "consumerportal",
]
MIDDLEWARE = [
    "apps.core.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.core.middleware.PermissionsPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.middleware.NoStoreMiddleware",
    "apps.core.middleware.InPageAnswerMiddleware",
    "apps.core.middleware.MethodNotAllowedPageMiddleware",
    "apps.accounts.middleware.PortalSessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.SessionLimitsMiddleware",
    "apps.accounts.middleware.SignInFirstMiddleware",
    "apps.accounts.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "consumerportal.urls"
WSGI_APPLICATION = "consumerportal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.core.context_processors.portal",
                "apps.accounts.context_processors.session",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "portal"
CRISPY_TEMPLATE_PACK = "portal"  # templates/portal/
CRISPY_FAIL_SILENTLY = False
FORM_RENDERER = "apps.core.form_renderer.InputRenderer"

# --- Database and cache ---------------------------------------------------------------------------
# Two files, so that the people of practice never meet production.
_FILE = "practice.sqlite3" if PRACTICE_MODE else "portal.sqlite3"
_database: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'var' / _FILE}")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    _database["CONN_MAX_AGE"] = (
        None  # each thread keeps its own; closing the last one writes the whole WAL back
    )
    # FULL: with NORMAL a power cut may take the last commit, and with it a created consumer's row.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    _database["ENGINE"] = "apps.core.postgresql"
    _database["CONN_MAX_AGE"] = 0  # the pool keeps the connections
    _database["OPTIONS"] = {
        # Somebody who keeps the end of the audit log locked makes a page that says so, not one that hangs.
        "options": "-c lock_timeout=10s",
        # A server that vanished without a word is noticed within seconds, not after the system's minutes.
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,  # milliseconds
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        **_database.get("OPTIONS", {}),
        "pool": {
            "min_size": 2,
            "max_size": env.int("DATABASE_POOL_SIZE", default=10),
            "timeout": 0.5,  # after which apps.core.postgresql decides whether to wait on
            # How long the pool tries by itself, at growing distances: after a long outage the next attempt
            # would be minutes away. Beyond it the next request makes the next attempt.
            "reconnect_timeout": 2,
        },
    }
DATABASES = {"default": _database}
# Signed checkpoints: the truth about the audit log outside the database. Each log has a file of its own.
_CHECKPOINTS = (
    Path(_database["NAME"]).with_suffix(".checkpoints.jsonl")
    if _database["ENGINE"] == "django.db.backends.sqlite3"
    else BASE_DIR / "var/audit-checkpoints.jsonl"
)
AUDIT_CHECKPOINT_FILE = Path(env.str("AUDIT_CHECKPOINT_FILE", default=str(_CHECKPOINTS)))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all processes: limits of the password pages count here. With Django's 300 entries many addresses
# would push the counters out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- People, sign-in, sessions (seconds) ----------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "name"]},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "start"
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None  # people of the portal have no e-mail address in it
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
# The sign-in has limits of its own (accounts/sign_in_limits.py): allauth's keep digests of what was typed.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
SIGN_IN_ADDRESS_FAILURES: int = env.int("SIGN_IN_ADDRESS_FAILURES", default=20)  # a minute
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"  # the portal sends no mail
# Of one person (audit/person_limits.py).
SEARCHES_PER_HOUR: int = env.int("SEARCHES_PER_HOUR", default=300)
EXPORTS_PER_HOUR: int = env.int("EXPORTS_PER_HOUR", default=30)
DENIALS_PER_HOUR: int = env.int("DENIALS_PER_HOUR", default=200)

SESSION_IDLE_SECONDS: int = env.int("SESSION_IDLE_SECONDS", default=30 * 60)
SESSION_ABSOLUTE_SECONDS: int = env.int("SESSION_ABSOLUTE_SECONDS", default=10 * 60 * 60)
SESSION_COOKIE_AGE = SESSION_IDLE_SECONDS
SESSION_ENGINE = "apps.accounts.session_store"
SESSION_SAVE_EVERY_REQUEST = (
    False  # the idle time starts again with each request, to the minute (sessions.renew)
)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
PASSWORD_RESET_TIMEOUT: int = env.int("PASSWORD_LINK_SECONDS", default=3 * 24 * 60 * 60)

# --- Security -------------------------------------------------------------------------------------
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PRACTICE_MODE  # practice is plain http on this machine
SESSION_COOKIE_NAME = "portal_session" if PRACTICE_MODE else "__Host-portal_session"
CSRF_COOKIE_NAME = "portal_csrf" if PRACTICE_MODE else "__Host-portal_csrf"
CSRF_COOKIE_HTTPONLY = True
KNOWN_DEVICE_COOKIE_NAME = "portal_device" if PRACTICE_MODE else "__Host-portal_device"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = (
    "django.contrib.messages.storage.session.SessionStorage"  # names of people stay on the server
)
CSRF_FAILURE_VIEW = "apps.core.views.csrf_failure"
SECURE_SSL_REDIRECT = not PRACTICE_MODE
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if PRACTICE_MODE else 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not PRACTICE_MODE
if TLS_AT_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap draws its select arrows and check marks from data: addresses
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# --- Language and time ----------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE: str = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

# --- Static files ---------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "var/static")))
STATICFILES_DIRS = [BASE_DIR / "static", ("bootstrap", Path(bootstrap.__path__[0]) / "css")]
STORAGES = {"staticfiles": {"BACKEND": "apps.core.static_storage.PortalStaticFilesStorage"}}

# --- Logs: one line an event on standard error, without personal data -----------------------------
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_addresses,
]
_renderers: list[Any] = [
    # Tracebacks without local variables and without the texts of exceptions: both quote personal data.
    structlog.processors.ExceptionRenderer(without_text),
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    if PRACTICE_MODE
    else structlog.processors.JSONRenderer(),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared_processors,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers],
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.request": {"level": "CRITICAL"},  # the request log says the same, with the same traceback
        "apps.audit": {"level": "INFO"},  # each event's sequence and hash: an anchor outside the database
    },
}
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
