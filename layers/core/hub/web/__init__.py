"""HTTP: the resolver, the wire styles, validation, localisation, rate limits, idempotency."""
