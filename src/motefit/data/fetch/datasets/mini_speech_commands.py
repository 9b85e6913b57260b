"""Google's Mini Speech Commands: 8 words, 1000 clips each.

Size and hash as stated by several public projects that verify this archive (for example the
``file_hash`` given to ``keras.utils.get_file``); they were not computed here.
"""

from motefit.data.fetch.datasets import DATASETS, Dataset

DATASETS.register(
    "mini-speech-commands",
    Dataset(
        name="mini-speech-commands",
        description="8 spoken words, 1000 one-second clips each, 16 kHz",
        license="CC BY 4.0, Google (Speech Commands, Pete Warden, 2017)",
        url="http://storage.googleapis.com/download.tensorflow.org/data/mini_speech_commands.zip",
        size_bytes=182_082_353,
        sha256="49650f2341b26d886b46b3f4fb8fed59e30300b17550f1ee4a768b3106cf93a0",
        contents="mini_speech_commands",
        unpacked_limit_bytes=400_000_000,
    ),
)
