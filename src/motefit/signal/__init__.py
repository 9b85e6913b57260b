"""Audio to features: one definition for batch and streaming, float32 numpy."""
