"""Data sets: speech folders and series as arrays, splits, audits; synthetic and downloaded data."""
