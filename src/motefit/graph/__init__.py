"""The Graph: the single description of a network, which everything else reads."""
