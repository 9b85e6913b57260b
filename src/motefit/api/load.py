"""``load``: open a model of any task, ready to run."""

from pathlib import Path

from motefit.runtime.bundle import load_bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.zoo import find_model
from motefit.spec.tasks import series_spec


def load(
    model: str | Path, *, threads: int = 1, xnnpack: bool = True
) -> KeywordSpotter | Forecaster:
    """Open a model, ready to run.

    >>> import motefit, numpy as np
    >>> spotter = motefit.load("yes-no")
    >>> clip = np.zeros(16_000, np.int16)  # one second of silence
    >>> spotter.classify(clip, 16_000).label in spotter.io.labels
    True
    >>> motefit.load("climate-6").predict(np.ones((6, 2))).shape  # (steps, columns)
    (6, 2)

    Args:
        model: path of a bundle (.zip), or of a .tflite file with its card beside it; or name of a
            shipped model, see :func:`motefit.model_names`.
        threads: number of threads for LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Returns:
        A KeywordSpotter for a keyword model, a Forecaster for a forecasting model. Where a type
        checker needs to know which, use ``motefit.KeywordSpotter.load`` or
        ``motefit.Forecaster.load``.

    Raises:
        ModelFileError: if there is no such model, or it is damaged or changed.
    """
    silence_litert()
    bundle = load_bundle(find_model(model))
    kind = Forecaster if bundle.card.task == series_spec.NAME else KeywordSpotter
    return kind(bundle.model, bundle.card.io, threads=threads, xnnpack=xnnpack)
