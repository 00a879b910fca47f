"""Proposals of mappings (document 5)."""
