"""Customers out of CSV files."""
