"""C source of a model: a reader of the Graph that writes C99 without dependencies."""
