"""Django's PostgreSQL backend, for a pool that outlives an outage."""
