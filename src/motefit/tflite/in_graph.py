"""A keyword model's file with its front end inside."""

from dataclasses import replace

from motefit.graph.frontend import with_frontend
from motefit.spec.errors import ModelFileError
from motefit.spec.tasks.keyword_spotting import SpeechIO
from motefit.tflite.read import read_graph
from motefit.tflite.writer import write


def in_graph_file(
    model: bytes, io: SpeechIO, *, keep_names: bool = False
) -> tuple[bytes, SpeechIO]:
    """The file that takes samples, and the card's section that says so.

    The network's integers and scales stay what they are; only its input is another.

    Args:
        model: bytes of a .tflite file that takes features.
        io: its section of the card.
        keep_names: write the names of tensors.

    Raises:
        ModelFileError: when the front end is inside already, or the file cannot be read.
        RecipeError: when the front end has no form inside a model.
    """
    if io.input == "audio":
        raise ModelFileError("this model has its front end inside already")
    graph = with_frontend(read_graph(model), io.frontend, io.normalisation)
    return write(graph, keep_names=keep_names), replace(io, input="audio")
