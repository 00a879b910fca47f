"""Customers (document 3)."""
