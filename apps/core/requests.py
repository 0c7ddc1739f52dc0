"""What the portal wants to know of a request: who, from where, and the code to quote to support."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest

from apps.core.actor import Actor, Origin


def origin_of(request: HttpRequest) -> Origin:
    """The request id, the other end of the socket, and the client behind the trusted proxies."""
    peer = request.META.get("REMOTE_ADDR", "")
    return Origin(
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        peer_address=peer,
        client_address=_client_address(peer, request.headers.get("X-Forwarded-For", "")),
    )


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person as a value, or nobody."""
    user = request.user
    if not user.is_authenticated:
        return Actor.nobody(origin_of(request))
    roles = tuple(sorted(user.roles))
    return Actor(id=str(user.pk), name=user.get_full_name(), roles=roles, origin=origin_of(request))


def support_code(request: HttpRequest) -> str:
    """Short code of this request. It is how the request id begins in the log lines and in the audit log."""
    return origin_of(request).request_id[:8]


def _client_address(peer: str, forwarded_for: str) -> str:
    """Walk X-Forwarded-For from its end while the hop that wrote it is a trusted proxy.

    Whatever a stranger puts at the front of the header is never reached, so it cannot be forged.
    """
    networks = [ip_network(proxy, strict=False) for proxy in settings.TRUSTED_PROXIES]
    address = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        try:
            if not any(ip_address(address) in network for network in networks):
                return address
            ip_address(hop)
        except ValueError:
            return address
        address = hop
    return address
