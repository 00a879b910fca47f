"""Many events to many endpoints, some of them broken: what the others notice (`make load`)."""
