"""Keyword spotting in an unbounded audio stream, in constant memory."""

from motefit.runtime.streaming.detector import Detection, StreamingSettings
from motefit.runtime.streaming.spotter import StreamingSpotter

__all__ = ["Detection", "StreamingSettings", "StreamingSpotter"]
