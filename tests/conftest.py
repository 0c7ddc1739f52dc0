"""What every test stands on: practice mode, a closed network, quick passwords."""

from __future__ import annotations

import os

os.environ.setdefault("PORTAL_MODE", "practice")
