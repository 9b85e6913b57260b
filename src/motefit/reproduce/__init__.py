"""The published systems, trained, timed and compared with motefit's answers."""
