"""One self-contained HTML page per result, rendered from stored facts only."""
