"""Audio sources: a pipe, ALSA's ``arecord``, the package sounddevice."""
