"""The published front end in TensorFlow on the Arm machine, counted: ``python published.py``.

As in the published scripts: eager, with the mel matrix rebuilt at every call; 640/320, 40 mel
bands, 10 MFCC of one second of noise at 16 kHz.
"""

import json

import numpy as np
import tensorflow as tf
from marks import Stages

LENGTH, STEP, RATE_HZ, BANDS, COEFFICIENTS = 640, 320, 16_000, 40, 10


def main() -> None:
    """Count its instructions."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    noise = np.random.default_rng(0).standard_normal(RATE_HZ)
    audio = tf.constant((0.1 * noise).astype(np.float32))

    def mfcc() -> np.ndarray:
        matrix = tf.signal.linear_to_mel_weight_matrix(
            BANDS, LENGTH // 2 + 1, RATE_HZ, 20.0, 4000.0
        )
        magnitude = tf.abs(tf.signal.stft(audio, LENGTH, STEP, fft_length=LENGTH))
        log_mel = tf.math.log(tf.matmul(magnitude, matrix) + 1.0e-6)
        return tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :COEFFICIENTS].numpy()

    stages = Stages()
    stages.count("published", mfcc)
    print(json.dumps(stages.names))


if __name__ == "__main__":
    main()
