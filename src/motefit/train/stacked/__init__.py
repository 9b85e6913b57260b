"""Training of several networks of one shape as one."""
