"""Search: the candidates to train, and the choice among the trained ones."""
