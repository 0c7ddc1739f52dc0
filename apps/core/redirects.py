"""The redirect after a POST."""

from django.http import HttpResponseRedirect


class HttpResponseSeeOther(HttpResponseRedirect):
    """303 See Other (RFC 9110, 15.4.4): go and GET the other address; a reload never sends again."""

    status_code = 303
