"""A keyword model's file in streaming form."""

from dataclasses import replace

from motefit.graph.streaming import streaming_form
from motefit.spec.errors import ModelFileError
from motefit.spec.tasks.keyword_spotting import SpeechIO
from motefit.tflite.read import read_graph
from motefit.tflite.writer import write


def streaming_file(
    model: bytes, io: SpeechIO, *, keep_names: bool = False
) -> tuple[bytes, SpeechIO]:
    """The file that takes the next frames and states, and the card's section that says so.

    The network's integers and scales stay what they are.

    Args:
        model: bytes of a .tflite file that takes the features of a clip.
        io: its section of the card.
        keep_names: write the names of tensors.

    Raises:
        ModelFileError: when the model takes something else, or the file cannot be read.
        RecipeError: when the network looks ahead in time.
    """
    if io.input != "features":
        raise ModelFileError(
            f"only a model that takes features has a streaming form; this one takes {io.input}"
        )
    return write(streaming_form(read_graph(model)), keep_names=keep_names), replace(
        io, input="stream"
    )
