"""What the portal wants to know of a request: who, from where, and the code to quote to support."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest

from apps.core.actor import Actor, Origin

UNIX_SOCKET = "unix"
"""In ``TRUSTED_PROXIES``: whoever connects to the portal's Unix socket, which has no address."""


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
        return Actor.anonymous(origin_of(request))
    roles = tuple(sorted(user.roles))
    return Actor(id=str(user.pk), name=user.get_full_name(), roles=roles, origin=origin_of(request))


def support_code(request: HttpRequest) -> str:
    """Short code of this request. It is how the request id begins in the log lines and in the audit log."""
    return origin_of(request).request_id[:8]


def _client_address(peer: str, forwarded_for: str) -> str:
    """Walk X-Forwarded-For from its end while the hop that wrote it is a trusted proxy.

    Whatever a stranger puts at the front of the header is never reached, so it cannot be forged. What is no
    address ends the walk at the proxy that let it through.
    """
    proxies = settings.TRUSTED_PROXIES
    networks = [ip_network(proxy, strict=False) for proxy in proxies if proxy != UNIX_SOCKET]
    address = _address(peer)
    trusted = UNIX_SOCKET in proxies if address is None else _is_in(address, networks)
    # Empty elements count for nothing (RFC 9110, 5.6.1).
    for part in reversed([part for part in forwarded_for.split(",") if part.strip()]):
        hop = _address(part)
        if hop is None or not trusted:
            break
        address, trusted = hop, _is_in(hop, networks)
    return peer if address is None else str(address)


def _is_in(address: IPv4Address | IPv6Address, networks: list[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address of a hop, in one spelling, without port and zone; None for anything else."""
    text = text.strip().partition("%")[0]
    if text.startswith("["):  # [2001:db8::1]:443, RFC 3986 section 3.2.2
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address  # ::ffff:192.0.2.1 is how a socket for both kinds tells 192.0.2.1
