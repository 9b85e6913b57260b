"""Single-threaded processes that time one loop of a protocol at a time, on request."""
