"""What was captured, on its way out of the queue to its target."""
