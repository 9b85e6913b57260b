"""Executors of a Graph in numpy: float32, and int8 bit-identical to LiteRT's kernels."""
