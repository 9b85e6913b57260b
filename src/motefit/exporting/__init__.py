"""Other forms of a model: its front end inside the file, and one step of a stream."""
