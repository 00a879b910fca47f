"""API keys (document 1 section 1)."""
