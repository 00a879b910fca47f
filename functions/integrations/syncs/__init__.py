"""Syncs: what an integration's provider has, read page after page and kept as records."""
