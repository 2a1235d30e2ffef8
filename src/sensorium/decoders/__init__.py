"""From what a model has seen to words: decoders, and how they are led to write.

``DECODERS`` maps names to classes, for plans and saved models.
"""

from sensorium.decoders.ctc import CTC, Heard, aligned, ctc_losses, greedy, prefix_beam
from sensorium.decoders.decoder import Decoder, State
from sensorium.decoders.encoder_decoder import EncoderDecoder
from sensorium.decoders.language_model import LanguageModel
from sensorium.decoders.manner import Sampling, check_sampling
from sensorium.decoders.ngrams import NgramModel
from sensorium.decoders.recurrent import LSTMDecoder
from sensorium.decoders.sampling import Draft, stream, write
from sensorium.decoders.text import TextDecoder

__all__ = [
    "CTC",
    "DECODERS",
    "Decoder",
    "Draft",
    "EncoderDecoder",
    "Heard",
    "LSTMDecoder",
    "LanguageModel",
    "NgramModel",
    "Sampling",
    "State",
    "TextDecoder",
    "aligned",
    "check_sampling",
    "ctc_losses",
    "greedy",
    "prefix_beam",
    "stream",
    "write",
]

DECODERS: dict[str, type] = {
    part.__name__: part
    for part in (EncoderDecoder, LSTMDecoder, LanguageModel, Sampling, TextDecoder)
}
