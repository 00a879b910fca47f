"""The OAuth 2.0 authorization server (CONTRACT section 4; RFC 6749, 7009, 7636, 7662, 8414, 8707, 9068, 9207, 9700)."""
