"""Notices by mail and web hook about what needs somebody's attention."""
