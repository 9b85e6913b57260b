"""Fine-tuning of a trained network: fake quantization, Fisher information, rounding."""
