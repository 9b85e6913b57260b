"""Data sets: speech folders and series as arrays; their splits and audit; data made or fetched."""
