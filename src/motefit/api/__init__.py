"""Functions of the Python API that have no home in a package below."""
