"""Sources of sound: a pipe, ALSA's ``arecord``, the package sounddevice."""
