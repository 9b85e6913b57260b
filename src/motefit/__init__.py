"""motefit: the smallest model that fits a sensor node, proved on the bytes it ships."""

__version__ = "0.1.0"
