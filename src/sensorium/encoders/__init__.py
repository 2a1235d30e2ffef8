"""What turns one column into tokens. ``ENCODERS`` maps names to classes."""

from sensorium.encoders.category import Categories
from sensorium.encoders.encoder import Encoder
from sensorium.encoders.image import ConvNet
from sensorium.encoders.numbers import Numbers
from sensorium.encoders.spectrogram import Spectrogram
from sensorium.encoders.text import TextTransformer

__all__ = [
    "ENCODERS",
    "Categories",
    "ConvNet",
    "Encoder",
    "Numbers",
    "Spectrogram",
    "TextTransformer",
]

ENCODERS: dict[str, type[Encoder]] = {
    part.__name__: part for part in (Categories, ConvNet, Numbers, Spectrogram, TextTransformer)
}
