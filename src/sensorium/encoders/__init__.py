"""What turns one column into tokens. ``ENCODERS`` maps names to classes, for plans and plug-ins."""

from sensorium.encoders.audio_transformer import AudioTransformer
from sensorium.encoders.category import Categories
from sensorium.encoders.dates import Dates
from sensorium.encoders.encoder import Encoder
from sensorium.encoders.flags import Flags
from sensorium.encoders.image import ConvNet
from sensorium.encoders.ngrams import NGrams
from sensorium.encoders.numbers import Numbers
from sensorium.encoders.periodic import Periodic
from sensorium.encoders.piecewise import Piecewise
from sensorium.encoders.pretrained import Pretrained
from sensorium.encoders.resnet import ResNet
from sensorium.encoders.series_cnn import SeriesCNN
from sensorium.encoders.series_gru import SeriesGRU
from sensorium.encoders.series_moments import SeriesMoments
from sensorium.encoders.series_transformer import SeriesTransformer
from sensorium.encoders.spectrogram import Spectrogram
from sensorium.encoders.speech import Speech
from sensorium.encoders.stem import Stem
from sensorium.encoders.text import TextTransformer
from sensorium.encoders.text_cnn import TextCNN
from sensorium.encoders.text_lstm import TextLSTM
from sensorium.encoders.vector import Vectors
from sensorium.encoders.vit import ViT
from sensorium.encoders.word_training import train_word_vectors
from sensorium.encoders.word_vectors import WordVectors

__all__ = [
    "ENCODERS",
    "AudioTransformer",
    "Categories",
    "ConvNet",
    "Dates",
    "Encoder",
    "Flags",
    "NGrams",
    "Numbers",
    "Periodic",
    "Piecewise",
    "Pretrained",
    "ResNet",
    "SeriesCNN",
    "SeriesGRU",
    "SeriesMoments",
    "SeriesTransformer",
    "Spectrogram",
    "Speech",
    "Stem",
    "TextCNN",
    "TextLSTM",
    "TextTransformer",
    "Vectors",
    "ViT",
    "WordVectors",
    "train_word_vectors",
]

ENCODERS: dict[str, type[Encoder]] = {
    part.__name__: part
    for part in (
        AudioTransformer,
        Categories,
        ConvNet,
        Dates,
        Flags,
        NGrams,
        Numbers,
        Periodic,
        Piecewise,
        Pretrained,
        ResNet,
        SeriesCNN,
        SeriesGRU,
        SeriesMoments,
        SeriesTransformer,
        Spectrogram,
        Speech,
        Stem,
        TextCNN,
        TextLSTM,
        TextTransformer,
        Vectors,
        ViT,
        WordVectors,
    )
}
