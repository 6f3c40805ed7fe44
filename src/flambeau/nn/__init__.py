"""Neural networks: modules, parameters, functions, initialization and utilities."""

from flambeau.nn import (
    attention as attention,
    functional as functional,
    init as init,
    modules as modules,
    parameter as parameter,
    utils as utils,
)
from flambeau.nn.module import Module as Module
from flambeau.nn.modules import *  # noqa: F403
from flambeau.nn.modules.container import Container as Container
from flambeau.nn.parallel import DataParallel as DataParallel
from flambeau.nn.parameter import (
    Buffer as Buffer,
    Parameter as Parameter,
    UninitializedBuffer as UninitializedBuffer,
    UninitializedParameter as UninitializedParameter,
)
