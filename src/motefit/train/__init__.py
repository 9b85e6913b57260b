"""Training in torch: the only layer that imports it.

Raises:
    MissingExtraError: on import, if torch is not installed.
"""

import os

from motefit.spec.errors import MissingExtraError
from motefit.spec.worker_environment import equal_arithmetic

# Workers have these from the start; a process that trains by itself gets them here.
for _name, _value in equal_arithmetic().items():
    os.environ.setdefault(_name, _value)

try:
    import torch as _torch  # noqa: F401 - asked for here, so that the error names the extra
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtraError("torch", "train", "training") from None
