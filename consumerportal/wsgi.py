"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

os.umask(0o077)  # as in the settings: a server that detaches from its terminal sets its own

application = get_wsgi_application()
