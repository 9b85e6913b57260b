"""Processes of one thread that time a loop of a published protocol at a time, on request."""
