"""The contracts that every part keeps, as checks for your own parts' tests."""

from sensorium.testing.checks import ContractError
from sensorium.testing.encoder import check_encoder
from sensorium.testing.step import check_step

__all__ = ["ContractError", "check_encoder", "check_step"]
