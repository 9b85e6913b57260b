"""Facts of one model file, measured on its bytes: accuracy or errors, size, latency, memory."""
