"""Panel members that read pictures without gradients: ONNX files and services on the network."""

from anamorph.models.readers.answers import Answer, PictureReader
from anamorph.models.readers.loading import load_reader

__all__ = ["Answer", "PictureReader", "load_reader"]
