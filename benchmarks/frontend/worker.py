"""Protocol of a timed worker process, and motefit's own worker.

A worker writes ``ready <version>``; then for each line ``check FORM 0`` it writes the features as
numbers, and for each line ``time FORM N`` the seconds of N calls, which it measures itself.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np


def serve(forms: dict[str, Callable[[], np.ndarray]], version: str) -> None:
    """Answer requests on standard input until it ends."""
    print("ready", version, flush=True)
    for line in sys.stdin:
        command, form, count = line.split()
        compute = forms[form]
        if command == "check":
            values = np.ravel(compute()).tolist()
        else:
            values = []
            for _ in range(int(count)):
                start = time.perf_counter()
                compute()
                values.append(time.perf_counter() - start)
        print(*(f"{value:.9g}" for value in values), flush=True)


def clip() -> np.ndarray:
    """Return the clip that all workers are timed on, float32."""
    return np.fromfile(os.environ["CLIP"], np.float32)


def main() -> None:
    from motefit.signal.feature_kinds.mel_bands import dct_matrix, mel_matrix  # noqa: PLC0415
    from motefit.signal.features import Features  # noqa: PLC0415 - absent where TensorFlow runs
    from motefit.signal.spectrum import framed, hann  # noqa: PLC0415
    from motefit.spec.frontend import FrontEnd  # noqa: PLC0415

    frontend = FrontEnd(**json.loads(sys.argv[1]))
    pcm, features = clip(), Features(frontend)
    mel, dct = mel_matrix(frontend), dct_matrix(frontend)
    window = hann(frontend.frame_length)

    def plain() -> np.ndarray:
        """Compute the features naively: precomputed tables, default rfft, all bins."""
        frames = framed(pcm, frontend.frame_length, frontend.frame_step)
        spectrum = np.fft.rfft(frames * window)
        return np.log(np.abs(spectrum) @ mel + np.float32(1e-6)) @ dct

    serve({"motefit": lambda: features.clip(pcm), "numpy-plain": plain}, f"numpy {np.__version__}")


if __name__ == "__main__":
    main()
