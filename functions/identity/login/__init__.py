"""Signing in at the API itself (document 5 "认证API")."""
