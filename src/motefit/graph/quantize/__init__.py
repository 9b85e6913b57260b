"""From a float Graph to integers: calibration, scales, rounding, weight-only forms."""
