"""The published front end in TensorFlow, in three forms; runs in an environment with TensorFlow."""

import json
import sys

import numpy as np
import tensorflow as tf
from worker import clip, serve


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    setting = json.loads(sys.argv[1])
    length, step = setting["frame_length"], setting["frame_step"]
    audio = tf.constant(clip())

    def mel_matrix() -> tf.Tensor:
        return tf.signal.linear_to_mel_weight_matrix(
            num_mel_bins=setting["mel_bins"],
            num_spectrogram_bins=length // 2 + 1,
            sample_rate=setting["rate_hz"],
            lower_edge_hertz=setting["lower_hz"],
            upper_edge_hertz=setting["upper_hz"],
        )

    def mfcc(matrix: tf.Tensor) -> tf.Tensor:
        stft = tf.signal.stft(audio, length, step, fft_length=length)
        log_mel = tf.math.log(tf.matmul(tf.abs(stft), matrix) + 1.0e-6)
        return tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., : setting["coefficients"]]

    matrix = mel_matrix()
    traced = tf.function(mfcc)

    def per_call() -> np.ndarray:
        return mfcc(mel_matrix()).numpy()

    def eager() -> np.ndarray:
        return mfcc(matrix).numpy()

    def function() -> np.ndarray:
        return traced(matrix).numpy()

    forms = {"tf-per-call": per_call, "tf-eager": eager, "tf-function": function}
    serve(forms, f"TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
