"""Export of a model to other forms: with its front end inside, or as one step of a stream."""
