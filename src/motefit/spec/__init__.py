"""User input and model metadata: frozen dataclasses <-> TOML and JSON."""
