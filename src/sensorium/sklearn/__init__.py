"""scikit-learn estimators: the same models behind ``fit``, ``predict`` and ``score``."""

from sensorium.sklearn.estimators import SensoriumClassifier, SensoriumRegressor

__all__ = ["SensoriumClassifier", "SensoriumRegressor"]
