"""One run, from recipe to release: search, training, finalists, and the files that ship."""
