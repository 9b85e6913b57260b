"""What a verb of the Python API does when no package below is its home."""
