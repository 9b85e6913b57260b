"""Training in torch: the only layer that imports it.

Raises:
    MissingExtraError: on import, when torch is not installed.
"""

from motefit.spec.errors import MissingExtraError

try:
    import torch as _torch  # noqa: F401 - asked for here, so that the error names the extra
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtraError("torch", "train", "training") from None
