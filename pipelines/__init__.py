"""Dagster: the way in from the sources, and the way out to them."""

import warnings

# Dagster's own sensor decorator passes a parameter that Dagster calls beta, and would say so to whoever runs `make up`.
warnings.filterwarnings("ignore", message="Parameter `owners` of initializer `SensorDefinition")
