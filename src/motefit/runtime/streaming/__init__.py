"""Keyword spotting in an endless stream of sound, in constant memory."""

from motefit.runtime.streaming.detector import Detection, StreamingSettings
from motefit.runtime.streaming.spotter import StreamingSpotter

__all__ = ["Detection", "StreamingSettings", "StreamingSpotter"]
