"""Customers as CSV files."""
