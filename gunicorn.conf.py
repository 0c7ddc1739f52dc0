"""gunicorn settings: threads, because requests mostly wait for the vendor; timeouts that allow a create."""

import gc
import os
import resource
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, SystemCheckError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")
try:
    django.setup()
except ImproperlyConfigured as refused:
    raise SystemExit(str(refused)) from None  # the message alone, without a traceback

from django.conf import settings

# Imported once, before the workers are forked: each would take 0.3 s of processor time for it.
import consumerportal.urls
import consumerportal.wsgi  # noqa: F401
from apps.cdp.factory import get_client
from apps.core.web import readiness
from apps.history.exports.delivery import end_when
from consumerportal import notice_threads, web_heartbeats
from consumerportal.announcement import record_start

# Commands run the system checks, gunicorn does not; some settings are checked only there.
try:
    BaseCommand().check()
except SystemCheckError as refused:
    raise SystemExit(str(refused)) from None

bind = os.environ.get("PORTAL_BIND", f"127.0.0.1:{os.environ.get('PORTAL_PORT', '8030')}")
worker_class = "consumerportal.web_worker.WholeRequestWorker"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
# A process without free file descriptors fails. Many systems have a soft limit of 1,024 and a higher hard
# one.
_, files = resource.getrlimit(resource.RLIMIT_NOFILE)
files = 8192 if files == resource.RLIM_INFINITY else min(files, 8192)
resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
# Half of the file descriptors; the other half is for database, vendor and exports.
worker_connections = files // 2
graceful_timeout = settings.WEB_GRACEFUL_SECONDS
timeout = graceful_timeout + 15
keepalive = 30
accesslog = None  # the request log is the portal's own, one structured line without query strings
errorlog = "-"
control_socket_disable = True  # supervisors use signals, and the socket would be a file in a home folder
forwarded_allow_ips = ""  # the portal trusts proxies by its own setting (TRUSTED_PROXIES)
limit_request_line = 4094


def when_ready(server: object) -> None:
    """Record the start before the workers are forked; no database connection stays open."""
    try:
        record_start()
    except ImproperlyConfigured as refused:
        raise SystemExit(str(refused)) from None  # the message alone, without a traceback
    readiness.prepare()
    # What was imported stays. Otherwise each full collection looks at all of it again, during which no thread
    # of the process works (60 ms), and writes to memory that the workers share.
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Prepare a worker before its first request.

    Builds the client, because loading the certificate authorities is slow. Registers the readiness check that
    fails while the process stops.
    """
    get_client()
    # For this process only: after a reload the new processes are ready.
    readiness.register("draining", lambda: worker.alive)
    web_heartbeats.start(lambda: bool(worker.alive))
    notice_threads.start_in_web(lambda: bool(worker.alive))
    # A download may take longer than the graceful timeout: at half of it, running exports are cancelled and
    # recorded.
    end_when(lambda: not worker.alive, grace=graceful_timeout / 2)
    # At the end of the graceful timeout gunicorn (27.0) closes the pipe that its threads write to when they
    # end. Threads that are still running would then write to that file descriptor, which may already be
    # reused for a database or vendor socket. The process ends shortly afterwards, which closes the pipe.
    worker.method_queue.close = lambda: None
