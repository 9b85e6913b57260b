"""Measure the bytes of a model file and hold them to its budget: facts, card, certificate."""
