"""Synthetic data: spoken words and a climate series, seeded and without a download."""
