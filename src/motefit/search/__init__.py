"""Which candidates to train, and which of the trained ones to ship."""
