"""Data made from nothing: spoken words and a climate series, seeded and without a download."""
