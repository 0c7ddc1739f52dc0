"""Every permission of the portal, as the matrix of roles names them."""

from __future__ import annotations

from apps.accounts.roles import GRANTS

PERMISSIONS = frozenset(permission for permissions in GRANTS.values() for permission in permissions)
