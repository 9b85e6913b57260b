"""Public data sets: the upstream archives, checked and unpacked."""
