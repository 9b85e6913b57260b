"""Typical networks converted by litert-torch; runs where that converter is installed.

``torch_models.py OUT`` writes one .tflite file per network in float32 (PyTorch's names, NCHW code),
and the DS-CNNs in full int8 by the AI Edge Quantizer.
"""

import sys
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_quantizer import quantizer, recipe
from torch import nn

SEED = 7


def dscnn(width: int, blocks: int) -> nn.Module:
    """Depthwise-separable convolutions on MFCC, as in ``keras_models.py``."""
    net: list[nn.Module] = [nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False)]
    net += [nn.BatchNorm2d(width), nn.ReLU()]
    for _ in range(blocks):
        net += [nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)]
        net += [nn.BatchNorm2d(width), nn.ReLU()]
        net += [nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*net, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 8))


def mlp() -> nn.Module:
    """Two hidden layers on a window of a series."""
    hidden = [nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(32, 12))


class LSTM(nn.Module):
    """One LSTM over the steps of a series."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 8, batch_first=True)
        self.head = nn.Linear(8, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 6, 2) -> (n, 12)."""
        return self.head(self.lstm(x)[0][:, -1])


NETS = {
    "mlp": (mlp, (1, 6, 2)),
    "dscnn8": (lambda: dscnn(8, 2), (1, 1, 49, 10)),
    "dscnn16": (lambda: dscnn(16, 4), (1, 1, 49, 10)),
    "lstm": (LSTM, (1, 6, 2)),
}


def quantize(source: Path, shape: tuple[int, ...]) -> None:
    """Write the full int8 file with calibrated activations, beside the float file."""
    rng = np.random.default_rng(SEED)
    work = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    examples = [{"args_0": rng.normal(0, 1, shape).astype(np.float32)} for _ in range(32)]
    result = work.quantize(work.calibrate({"serving_default": examples}))
    target = source.with_name(f"{source.stem}-int8.tflite")
    result.export_model(str(target), overwrite=True)
    target.chmod(0o644)


def main() -> None:
    """Convert everything."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, (make, shape) in NETS.items():
        torch.manual_seed(SEED)
        model = make().eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_var, 0.7, 1.5)
                nn.init.normal_(module.running_mean, 0, 0.3)
                nn.init.normal_(module.bias, 0, 0.3)
        try:
            edge = litert_torch.convert(model, (torch.zeros(shape),))
        except Exception as error:  # noqa: BLE001  (any converter error is a result here)
            print(f"{name}: {type(error).__name__} {str(error)[:200]}")
            continue
        path = out / f"{name}.litert-torch.tflite"
        edge.export(str(path))
        if name.startswith("dscnn"):
            quantize(path, shape)


if __name__ == "__main__":
    main()
