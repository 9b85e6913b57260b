"""What the user asks for and what a model says of itself: frozen dataclasses <-> TOML and JSON."""
