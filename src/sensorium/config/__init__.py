"""Plans as TOML: ``load_plan`` makes the objects of the Python API, ``write_plan`` the text."""

from sensorium.config.plan_file import Config, Source, load_plan, parse_plan
from sensorium.config.write import plan_of, write_plan

__all__ = ["Config", "Source", "load_plan", "parse_plan", "plan_of", "write_plan"]
