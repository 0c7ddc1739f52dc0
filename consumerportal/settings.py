"""Every setting of the portal. Values come from the environment; `.env.example` explains each."""

from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path
from typing import Any

import bootstrap
import structlog
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from apps.accounts.redaction import hide_addresses
from apps.core.tracebacks import without_text
from consumerportal.environment import Environment, split_list
from consumerportal.setting_problems import (
    encryption_keys_problem,
    hook_secrets_problem,
    host_names_problem,
    mac_keys_problem,
    no_problem,
    portal_host,
    secret_problem,
    secrets_problem,
    signing_key_problem,
)
from consumerportal.startup import Startup

# Files that the portal creates are private to its user: SQLite files, exports, the spool.
os.umask(0o077)
BASE_DIR = Path(__file__).resolve().parent.parent

ENV_FILE = BASE_DIR / ".env"


def _path(value: str) -> str:
    """The path in a setting; a relative one begins at the portal's folder, whatever the working directory."""
    return str(BASE_DIR / value) if value else ""


env = Environment()
# Practice does not read .env, which may belong to a production portal. Environment variables have priority.
_PRACTICE_IN_ENVIRONMENT = os.environ.get("PORTAL_MODE") == "practice"
if not _PRACTICE_IN_ENVIRONMENT:
    Environment.read_env(ENV_FILE)

# --- Mode and required settings -------------------------------------------------------------------
startup = Startup(env)
startup.check_practice_reads_no_file(in_environment=_PRACTICE_IN_ENVIRONMENT)
PRACTICE_MODE = startup.practice
SECRET_KEY = startup.required("SECRET_KEY", secret_problem)
# Other keys whose signatures are valid: the next one while machines change to it, the former one afterwards.
SECRET_KEY_FALLBACKS = split_list(startup.optional("SECRET_KEY_FALLBACKS", secrets_problem))
# All keys of a list read. The database says which one writes (apps/core/keys_in_use.py).
ENCRYPTION_KEYS = split_list(startup.required("ENCRYPTION_KEYS", encryption_keys_problem))
DIGEST_KEYS = split_list(startup.required("DIGEST_KEYS", secrets_problem))
AUDIT_SIGNING_KEY = startup.required("AUDIT_SIGNING_KEY", signing_key_problem)
# All keys verify. Former ones, in AUDIT_FORMER_MAC_KEYS, verify only rows that a checkpoint covers.
AUDIT_MAC_KEYS = split_list(startup.required("AUDIT_MAC_KEYS", mac_keys_problem))
ALLOWED_HOSTS = split_list(startup.required("ALLOWED_HOSTS", host_names_problem))
CDP_CLIENT_KEY = startup.required("CDP_CLIENT_KEY")
CDP_API_TOKEN = startup.required("CDP_API_TOKEN")
CDP_BASE_URL = startup.required("CDP_BASE_URL")
# --- Sitecore CDP (seconds, bytes) ----------------------------------------------------------------
CDP_EXTRA_HOSTS: list[str] = env.list("CDP_EXTRA_HOSTS", default=[])
CDP_CONNECT_TIMEOUT: float = env.float("CDP_CONNECT_TIMEOUT", default=5.0)
CDP_READ_TIMEOUT: float = env.float("CDP_READ_TIMEOUT", default=20.0)
CDP_TOTAL_TIMEOUT: float = env.float("CDP_TOTAL_TIMEOUT", default=30.0)
CDP_CA_FILE: str = _path(startup.text("CDP_CA_FILE", default=""))
CDP_PROXY: str = env.str("CDP_PROXY", default="")
CDP_MAX_ANSWER_BYTES: int = env.positive("CDP_MAX_ANSWER_BYTES", default=1_000_000)
# Whether people can find orders and open the vendor's records in the portal.
CDP_ORDER_PAGES: bool = env.bool("CDP_ORDER_PAGES", default=True)
# The statuses of an order to which nobody should be added without a warning. The vendor's list is open.
CANCELLED_STATUSES: list[str] = env.list("CANCELLED_STATUSES", default=["CANCELLED", "DECLINED", "REFUNDED"])
# --- Reconciliation ---------------------------------------------------------------------------------
# The vendor does not document the list of an order's consumers for v2.1: the tenant has to confirm it.
CDP_RECONCILIATION: bool = env.bool("CDP_RECONCILIATION", default=PRACTICE_MODE)
CDP_RECONCILIATION_AFTER: list[float] = env.list(
    "CDP_RECONCILIATION_AFTER", float, [2, 10, 60, 600, 3600, 86400]
)  # seconds
# A submission that a supervisor has taken to resolve it is free again after this time.
TAKEN_LAPSES_AFTER_MINUTES: int = env.positive("TAKEN_LAPSES_AFTER_MINUTES", default=30, most=365 * 24 * 60)
# An unknown submission is marked as overdue after this time.
UNKNOWN_OVERDUE_AFTER_HOURS: int = env.positive("UNKNOWN_OVERDUE_AFTER_HOURS", default=4, most=365 * 24)
MACHINE_NAME: str = env.str("MACHINE_NAME", default="") or socket.gethostname()
WORKER_SILENT_SECONDS: int = env.positive("WORKER_SILENT_SECONDS", default=120)
# Outcomes that could not be stored in the database: references and codes, no personal data.
SPOOL_DIR = BASE_DIR / startup.text("SPOOL_DIR", default="var/spool")

# --- The web server process -----------------------------------------------------------------------
WEB_WORKERS: int = env.positive("WEB_WORKERS", default=2)
WEB_THREADS: int = env.positive("WEB_THREADS", default=64)
WEB_GRACEFUL_SECONDS: int = startup.graceful_seconds(CDP_TOTAL_TIMEOUT)
# Seconds within which the head of a request, and then its body, must be received.
WEB_HEAD_SECONDS: int = env.positive("WEB_HEAD_SECONDS", default=30)
WEB_BODY_SECONDS: int = env.positive("WEB_BODY_SECONDS", default=60)
# Simultaneous calls to Sitecore CDP per process. The other threads serve pages.
THREADS_FOR_PAGES = 20
CDP_IN_FLIGHT: int = env.int("CDP_IN_FLIGHT", default=WEB_THREADS - THREADS_FOR_PAGES)
CDP_POOL_SIZE = CDP_IN_FLIGHT  # so that no thread waits for a connection

# --- Exports of submissions -----------------------------------------------------------------------
EXPORTS_AT_ONCE: int = env.positive("EXPORTS_AT_ONCE", default=3)  # in all processes together
EXPORT_STALL_SECONDS: int = env.positive("EXPORT_STALL_SECONDS", default=600)
EXPORT_DIR: str = _path(startup.text("EXPORT_DIR", default=""))

# --- Audit log --------------------------------------------------------------------------------------
AUDIT_FORMER_MAC_KEYS: list[str] = env.list("AUDIT_FORMER_MAC_KEYS", default=[])
# Public keys of replaced signing keys: their signatures are still valid.
AUDIT_FORMER_PUBLIC_KEYS: list[str] = env.list("AUDIT_FORMER_PUBLIC_KEYS", default=[])

# --- Notices by mail and web hook -------------------------------------------------------------------
# The address of the portal, for links in notices and of create_administrator.
PORTAL_URL: str = startup.portal_url(env.str("PORTAL_URL", default="")) or (
    f"http://localhost:{os.environ.get('PORTAL_PORT', '8030')}"
    if PRACTICE_MODE
    else f"https://{portal_host(ALLOWED_HOSTS)}"
)
NOTICE_CAUSES: list[str] = env.list(
    "NOTICE_CAUSES",
    default=[
        "unknown_outcome",
        "credentials_refused",
        "worker_silent",
        "verification_failed",
        "written_past_portal",
        "export_ended",
        "batch_ended",
        "break_glass_sign_in",
    ],
)
NOTICE_UNKNOWN_AFTER_MINUTES: int = env.positive(
    "NOTICE_UNKNOWN_AFTER_MINUTES", default=30, most=365 * 24 * 60
)
NOTICE_MAIL_TO: str = env.str("NOTICE_MAIL_TO", default="")  # empty: no mail
NOTICE_MAIL_FROM: str = env.str("NOTICE_MAIL_FROM", default="")
SMTP_HOST: str = env.str("SMTP_HOST", default="localhost")
SMTP_PORT: int = env.positive("SMTP_PORT", default=587, most=65_535)
SMTP_SECURITY: str = env.str("SMTP_SECURITY", default="starttls")  # starttls, tls or none
SMTP_USER: str = env.str("SMTP_USER", default="")
SMTP_PASSWORD: str = startup.optional("SMTP_PASSWORD", no_problem)
SMTP_CA_FILE: str = _path(startup.text("SMTP_CA_FILE", default=""))
NOTICE_HOOK_URL: str = startup.optional(
    "NOTICE_HOOK_URL", no_problem
)  # may contain a token; empty: no web hook
# All secrets sign, so that the receiver can change from one to the next.
NOTICE_HOOK_SECRETS: list[str] = split_list(startup.optional("NOTICE_HOOK_SECRETS", hook_secrets_problem))
NOTICE_HOOK_CA_FILE: str = _path(startup.text("NOTICE_HOOK_CA_FILE", default=""))
NOTICE_HOOK_PROXY: str = env.str("NOTICE_HOOK_PROXY", default="")

# --- Countries in addition to ISO 3166-1 ------------------------------------------------------------
EXTRA_COUNTRIES: list[str] = env.list("EXTRA_COUNTRIES", default=[])

# --- Drafts ---------------------------------------------------------------------------------------
DRAFT_DAYS: int = env.days("DRAFT_DAYS", default=7)  # 0: the portal keeps no drafts
DRAFTS_PER_PERSON: int = env.positive("DRAFTS_PER_PERSON", default=50)

# --- Searches for consumers ------------------------------------------------------------------------
# Days after which the values of a search are deleted; 0: when the log's events of that time are removed.
SEARCH_DAYS: int = env.days("SEARCH_DAYS", default=365)

# --- Batches: several people onto one order --------------------------------------------------------
BATCH_MAX_ROWS: int = env.positive("BATCH_MAX_ROWS", default=500)
BATCH_MAX_BYTES: int = env.positive("BATCH_MAX_BYTES", default=2_000_000)  # of a file or a pasted table
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # bytes of a form's fields without files: Django's default
# Batches that a worker sends at the same time, each to another order.
BATCH_THREADS: int = env.positive("BATCH_THREADS", default=2)
# At most so many rows of a batch are sent in a second, so that the pages stay responsive.
BATCH_ROWS_PER_SECOND: int = env.positive("BATCH_ROWS_PER_SECOND", default=4)
# Days after which the personal data in a batch's rows are deleted: from the upload of one that was not
# confirmed, from its end, or from its pause.
BATCH_DAYS: int = env.positive("BATCH_DAYS", default=30, most=10 * 365)

# --- Proxies ---------------------------------------------------------------------------------------
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])
TLS_AT_PROXY: bool = env.bool("TLS_AT_PROXY", default=False)

# --- Checks of the settings above ------------------------------------------------------------------
startup.check_practice_is_local(CDP_BASE_URL)
startup.check_client_settings(
    CDP_BASE_URL,
    CDP_EXTRA_HOSTS,
    {"connect": CDP_CONNECT_TIMEOUT, "read": CDP_READ_TIMEOUT, "total": CDP_TOTAL_TIMEOUT},
)
startup.check_audit_public_keys(AUDIT_FORMER_PUBLIC_KEYS)
startup.check_former_mac_keys(AUDIT_FORMER_MAC_KEYS, present=AUDIT_MAC_KEYS)
startup.check_calls_in_flight(CDP_IN_FLIGHT, threads=WEB_THREADS, for_pages=THREADS_FOR_PAGES)
startup.check_networks("TRUSTED_PROXIES", TRUSTED_PROXIES)
startup.check_proxies(TRUSTED_PROXIES, tls_at_proxy=TLS_AT_PROXY)
startup.check_reconciliation_delays(CDP_RECONCILIATION_AFTER)
startup.check_batch_rows(BATCH_MAX_ROWS)
startup.check_batch_bytes(BATCH_MAX_BYTES, fields=DATA_UPLOAD_MAX_MEMORY_SIZE)
startup.check_country_codes(EXTRA_COUNTRIES)
startup.check_notice_mail(to=NOTICE_MAIL_TO, sender=NOTICE_MAIL_FROM, host=SMTP_HOST, security=SMTP_SECURITY)
startup.check_notice_hook(NOTICE_HOOK_URL, NOTICE_HOOK_SECRETS)

DEBUG = False  # in every mode: a debug page shows request bodies
# From the project's metadata. The portal runs from its folder and is not installed as a package.
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

# --- The form -------------------------------------------------------------------------------------
PHONE_REGION: str = env.str("PHONE_REGION", default="IE")
DATE_ORDER: str = env.str("DATE_ORDER", default="day-month")
COMMON_TITLES: list[str] = env.list("COMMON_TITLES", default=["Mr", "Mrs", "Ms", "Miss", "Dr"])
EXTRA_TITLES: list[str] = env.list("EXTRA_TITLES", default=[])
REQUIRED_FIELDS: list[str] = env.list("REQUIRED_FIELDS", default=["first_name", "last_name"])
COUNTRIES_OVERRIDE = dict(pair.partition("=")[::2] for pair in EXTRA_COUNTRIES)  # django-countries
MAX_EMAILS: int = env.positive("MAX_EMAILS", default=20)
MAX_PHONE_NUMBERS: int = env.positive("MAX_PHONE_NUMBERS", default=20)
MAX_IDENTIFIERS: int = env.positive("MAX_IDENTIFIERS", default=200)
IDENTITY_REQUIRED: bool = env.bool("IDENTITY_REQUIRED", default=False)
EMAIL_IDENTIFIES: bool = env.bool("EMAIL_IDENTIFIES", default=True)
# What pages call an order consumer: order_consumer, traveller, guest or ticket_holder.
ORDER_CONSUMER_WORD: str = env.str("ORDER_CONSUMER_WORD", default="order_consumer")
ENTER_CREATES: bool = env.bool("ENTER_CREATES", default=True)
# Two fields per row, for twice the permitted rows: up to there the form reports the error instead of a 400.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4 * (MAX_IDENTIFIERS + MAX_EMAILS + MAX_PHONE_NUMBERS) + 200

# The first handler refuses files that the view does not accept, before the others store them.
FILE_UPLOAD_HANDLERS = [
    "apps.core.web.uploads.GuardingUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "consumerportal",  # first: its commands replace Django's of the same name
    "django.contrib.auth",
    "django.contrib.contenttypes",
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
    "apps.batches",
    "apps.history",
    "apps.notices",
    "apps.privacy",
]
MIDDLEWARE = [
    "apps.core.web.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.core.web.middleware.PageCompressionMiddleware",
    "apps.core.web.middleware.PermissionsPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.web.middleware.NoStoreMiddleware",
    "apps.core.web.middleware.InPageAnswerMiddleware",
    "apps.core.web.middleware.MethodNotAllowedPageMiddleware",
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
                "apps.core.web.context_processors.portal",
                "apps.accounts.context_processors.session",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "portal"
CRISPY_TEMPLATE_PACK = "portal"  # templates/portal/
CRISPY_FAIL_SILENTLY = False
FORM_RENDERER = "apps.core.forms.renderer.ControlRenderer"

# --- Database and cache ---------------------------------------------------------------------------
# Separate files for practice and production.
_FILE = "practice.sqlite3" if PRACTICE_MODE else "portal.sqlite3"
_database: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'var' / _FILE}")
_SQLITE = _database["ENGINE"] == "django.db.backends.sqlite3"
if _SQLITE:
    _database["ENGINE"] = "apps.core.sqlite"
    startup.check_database_is_stored(_database["NAME"])
    if _database["NAME"] != ":memory:":
        _database["NAME"] = _path(_database["NAME"])
    _database["CONN_MAX_AGE"] = (
        None  # one connection per thread stays open, because closing the last one checkpoints the whole WAL
    )
    # FULL: with NORMAL a power failure may lose the last commit, such as the row of a created consumer.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    _database["ENGINE"] = "apps.core.postgresql"
    _database["CONN_MAX_AGE"] = 0  # connections return to the pool
    _database["OPTIONS"] = {
        # If the end of the audit log stays locked, requests fail with an error page instead of hanging.
        "options": "-c lock_timeout=10s",
        # An unreachable server is detected within seconds instead of the system's default minutes.
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,  # milliseconds
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        **_database.get("OPTIONS", {}),
        "pool": {
            "min_size": 2,
            "max_size": env.positive("DATABASE_POOL_SIZE", default=10),
            "timeout": 0.5,  # seconds; then apps.core.postgresql decides whether to continue waiting
            # Seconds of retries by the pool, with growing pauses. Afterwards the next request triggers an
            # attempt. Without this limit, the next attempt after a long outage could be minutes later.
            "reconnect_timeout": 2,
        },
    }
DATABASES = {"default": _database}
# Signed checkpoints of the audit log, stored outside the database. One file for each database.
_CHECKPOINTS = (
    Path(_database["NAME"]).with_suffix(".checkpoints.jsonl")
    if _SQLITE
    else BASE_DIR / "var/audit-checkpoints.jsonl"
)
AUDIT_CHECKPOINT_FILE = BASE_DIR / startup.text("AUDIT_CHECKPOINT_FILE", default=str(_CHECKPOINTS))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all processes, for packages that use Django's cache. The portal's own limits are rows
# (apps/core/limits.py).
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- People, sign-in, sessions (seconds) ----------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# Every session contains this path and ends if it is not here.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# Words that people of the company would put into a password, such as its name.
PASSWORD_WORDS: list[str] = env.list("PASSWORD_WORDS", default=[])
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},  # apps/accounts/password_rules.py
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "apps.accounts.password_rules.GuessingValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "start"
ACCOUNT_ADAPTER = "apps.accounts.sign_in.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None  # nobody signs in with an e-mail address
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
# The portal has its own sign-in limits (accounts/sign_in/limits.py): allauth's store unkeyed digests of user
# names.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
SIGN_IN_ADDRESS_FAILURES: int = env.positive("SIGN_IN_ADDRESS_FAILURES", default=20)  # per minute
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"  # no mail but notices, which have their own
# Limits per person (audit/person_limits.py).
SEARCHES_PER_HOUR: int = env.positive("SEARCHES_PER_HOUR", default=300)
EXPORTS_PER_HOUR: int = env.positive("EXPORTS_PER_HOUR", default=30)
LISTS_PER_HOUR: int = env.positive("LISTS_PER_HOUR", default=60)
DENIALS_PER_HOUR: int = env.positive("DENIALS_PER_HOUR", default=200)

SESSION_IDLE_SECONDS: int = env.positive("SESSION_IDLE_SECONDS", default=30 * 60)
SESSION_ABSOLUTE_SECONDS: int = env.positive("SESSION_ABSOLUTE_SECONDS", default=10 * 60 * 60)
SESSION_COOKIE_AGE = SESSION_IDLE_SECONDS
SESSION_ENGINE = "apps.accounts.sign_in.session_store"
SESSION_SAVE_EVERY_REQUEST = False  # sessions.renew extends the session, at most once a minute
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
PASSWORD_RESET_TIMEOUT: int = env.positive("PASSWORD_LINK_SECONDS", default=3 * 24 * 60 * 60)

# --- Security -------------------------------------------------------------------------------------
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
startup.check_trusted_origins(CSRF_TRUSTED_ORIGINS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PRACTICE_MODE  # practice is plain http on this machine
SESSION_COOKIE_NAME = "portal_session" if PRACTICE_MODE else "__Host-portal_session"
CSRF_COOKIE_NAME = "portal_csrf" if PRACTICE_MODE else "__Host-portal_csrf"
CSRF_COOKIE_HTTPONLY = True
KNOWN_DEVICE_COOKIE_NAME = "portal_device" if PRACTICE_MODE else "__Host-portal_device"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = (
    "django.contrib.messages.storage.session.SessionStorage"  # not cookies: messages contain personal names
)
CSRF_FAILURE_VIEW = "apps.core.web.views.csrf_failure"
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
        "object-src": [NONE],  # implied by default-src; OWASP ASVS 5.0, 3.4.3 asks for the directive itself
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap uses data: URLs for select arrows and check marks
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
startup.check_time_zone(TIME_ZONE)
USE_TZ = True

# --- Static files ---------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / startup.text("STATIC_ROOT", default="var/static")
startup.check_static_root(
    STATIC_ROOT,
    private=[
        BASE_DIR,
        BASE_DIR / "var",
        SPOOL_DIR,
        AUDIT_CHECKPOINT_FILE,
        *([Path(_database["NAME"])] if _SQLITE else []),
    ],
)
STATICFILES_DIRS = [BASE_DIR / "static", ("bootstrap", Path(bootstrap.__path__[0]) / "css")]
WHITENOISE_ALLOW_ALL_ORIGINS = False  # pages of other hosts have no use for our files
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "consumerportal.static_files.HtmxFinder",
]
STORAGES = {"staticfiles": {"BACKEND": "apps.core.web.static_storage.PortalStaticFilesStorage"}}

# --- Logs: one line per event on standard error, without personal data ----------------------------
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
startup.check_log_level(LOG_LEVEL)
startup.raise_problems()  # after the last setting is read, so that one message names every problem
if _SQLITE:
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_addresses,
]
_renderers: list[Any] = [
    # Tracebacks without local variables and exception texts, which both may contain personal data.
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
        "django.request": {"level": "CRITICAL"},  # the request log contains the same traceback
        "apps.audit": {"level": "INFO"},  # number and hash of each event, as evidence outside the database
    },
}
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
