"""Recordings of other sound: found, split by speaker, decoded once, and cut into windows."""
