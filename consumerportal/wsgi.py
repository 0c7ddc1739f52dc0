"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

os.umask(0o077)  # again after the settings, because a server that daemonises sets its own

application = get_wsgi_application()
