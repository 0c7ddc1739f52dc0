"""The portal with what others take for an audit log: two packages, and the Django admin."""
