"""gunicorn: threads, because a request mostly waits for the vendor; times that fit one create."""

import os
import resource
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")
django.setup()

from django.conf import settings  # noqa: E402  (after setup)
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from apps.cdp.factory import get_client  # noqa: E402
from apps.core import readiness  # noqa: E402
from apps.history.exports.delivery import end_when  # noqa: E402
from consumerportal.announcement import record_start  # noqa: E402

bind = os.environ.get("PORTAL_BIND", f"127.0.0.1:{os.environ.get('PORTAL_PORT', '8030')}")
worker_class = "consumerportal.web_worker.WholeRequestWorker"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
# A process that has no number left for a file ends. Many systems begin with 1,024 and permit more.
_, files = resource.getrlimit(resource.RLIMIT_NOFILE)
files = 8192 if files == resource.RLIM_INFINITY else min(files, 8192)
resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
# Connections of a process; the other half of its files is for database, vendor and exports.
worker_connections = files // 2
# A worker that is told to stop lets a running create end, so that a deployment makes no unknowns. It may wait
# for the database before and after the call, hence twice the call's limit.
graceful_timeout = int(os.environ.get("WEB_GRACEFUL_SECONDS", 2 * settings.CDP_TOTAL_TIMEOUT + 15))
timeout = graceful_timeout + 15
keepalive = 30
accesslog = None  # the request log is the portal's own, one structured line without query strings
errorlog = "-"
control_socket_disable = True  # the supervisor speaks by signals; no file in somebody's home
forwarded_allow_ips = ""  # the portal decides itself which proxies it believes (TRUSTED_PROXIES)
limit_request_line = 4094


def when_ready(server: object) -> None:
    """Write the start down before a worker answers; no database connection outlives the fork."""
    try:
        record_start()
    except ImproperlyConfigured as refused:
        raise SystemExit(str(refused)) from None  # the message alone, without a traceback
    readiness.prepare()


def post_worker_init(worker: Any) -> None:
    """Make the worker's client before its first request: reading the authorities takes a while.

    It also keeps first requests that come at once from making one each, with slots of its own.
    """
    get_client()
    # The life of this process alone: after a reload the new processes are ready.
    readiness.register("draining", lambda: worker.alive)
    # A download may be longer than any grace: what still runs at half of it is broken off and told.
    end_when(lambda: not worker.alive, grace=graceful_timeout / 2)
    # At the end of the graceful time gunicorn (27.0) closes the pipe by which its threads wake it, although
    # some of them still run; when they end they write into that number, which may be a database's or the
    # vendor's socket by then. The process ends a moment later anyway, and its pipe with it.
    worker.method_queue.close = lambda: None


ROOM = 10  # seconds of a create beside its call: the order is read before it, the database written twice
if graceful_timeout < settings.CDP_TOTAL_TIMEOUT + ROOM:
    raise ImproperlyConfigured(
        f"WEB_GRACEFUL_SECONDS ({graceful_timeout}) does not exceed CDP_TOTAL_TIMEOUT"
        f" ({settings.CDP_TOTAL_TIMEOUT:g}) by {ROOM} seconds: a deployment could cut a create short"
    )
