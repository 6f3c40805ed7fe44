"""All layers, by family."""

# ruff: noqa: F403
from flambeau.nn.modules.activation import *
from flambeau.nn.modules.container import *
from flambeau.nn.modules.distance import *
from flambeau.nn.modules.linear import *
from flambeau.nn.modules.loss import *
from flambeau.nn.modules.parameter_container import *
