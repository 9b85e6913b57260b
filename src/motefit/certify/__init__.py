"""Certification: measure the bytes of a model file and check them against its budget."""
