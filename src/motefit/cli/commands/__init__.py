"""One file per command or group; each has ``add_to(app)``."""
