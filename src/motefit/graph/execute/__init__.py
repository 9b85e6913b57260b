"""Executors of a Graph in numpy: float32, and int8 bit for bit as LiteRT's kernels."""
