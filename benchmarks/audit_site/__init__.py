"""The portal with alternative audit logs: two packages, and the Django admin."""
