"""Tickets and their comments (document 2)."""
