"""The contracts that every part keeps, as checks for your own parts' tests."""

from sensorium.testing.checks import ContractError
from sensorium.testing.encoder import check_encoder
from sensorium.testing.fusion import check_fusion
from sensorium.testing.step import check_step
from sensorium.testing.task import check_task

__all__ = ["ContractError", "check_encoder", "check_fusion", "check_step", "check_task"]
