"""Error that each rule for missing values certifies, on random walks with half the values missing.

One step of a walk has deviation 1, so no forecast of the next value has a mean absolute error below
sqrt(2 / pi) = 0.798. The scored forecast is persistence, the best possible one. Prints a table:
``python benchmarks/missing_values/run.py``, about 10 seconds.
"""

import numpy as np

WALKS, ROWS, INPUT_STEPS = 200, 6000, 6


def scores(rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Compute mean absolute error and share of windows scored, by rule, on one walk."""
    true = rng.standard_normal(ROWS).cumsum()
    known = rng.random(ROWS) >= 0.5
    known[0] = True
    row = np.arange(ROWS)
    line = np.interp(row, row[known], true[known])
    held = true[np.maximum.accumulate(np.where(known, row, 0))]
    newest = np.arange(INPUT_STEPS - 1, ROWS - 1)
    every = np.ones(len(newest), np.bool_)
    whole = np.all([known[newest + step] for step in range(1 - INPUT_STEPS, 2)], axis=0)
    rules = {
        "a line between neighbors, all windows": (line, line, every),
        "held, all windows": (held, held, every),
        "held, measured targets": (held, true, known[newest + 1]),
        "held, measured targets and newest rows": (held, true, known[newest + 1] & known[newest]),
        "nothing filled": (true, true, whole),
    }
    return {
        name: (float(np.abs(coming[newest + 1] - seen[newest])[used].mean()), float(used.mean()))
        for name, (seen, coming, used) in rules.items()
    }


def main() -> None:
    """Print the means over all walks."""
    found = [scores(np.random.default_rng(seed)) for seed in range(WALKS)]
    print("| rule | mean absolute error | windows scored |\n|---|---:|---:|")
    for name in found[0]:
        error, share = np.mean([walk[name] for walk in found], axis=0)
        print(f"| {name} | {error:.3f} | {100 * share:.1f} % |")


if __name__ == "__main__":
    main()
