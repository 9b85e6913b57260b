"""The Graph: the only description of a network. Everything else reads it."""
