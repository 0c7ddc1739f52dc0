"""The redirect response after a POST."""

from django.http import HttpResponseRedirect


class HttpResponseSeeOther(HttpResponseRedirect):
    """303 See Other (RFC 9110, 15.4.4): the browser follows with GET, so a reload does not post again."""

    status_code = 303
