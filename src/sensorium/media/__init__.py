"""From bytes, files and arrays to pictures, sounds and signals; knows no tables.

Everything here treats its input as hostile: sizes are refused from the header, before anything is
decoded, and what decodes to less than its header declares is damaged, not shorter.
"""

from sensorium.media.npy import read_npy
from sensorium.media.picture import read_picture
from sensorium.media.sound import read_sound
from sensorium.media.source import file_named, locate

__all__ = ["file_named", "locate", "read_npy", "read_picture", "read_sound"]
