"""Messages that people sent to us (callbacks), kept once however often a platform tells of them."""
