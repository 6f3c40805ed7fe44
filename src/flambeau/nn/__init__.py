"""Neural networks: modules, parameters, functions, initialization and utilities."""

from flambeau.nn import attention as attention
from flambeau.nn import functional as functional
from flambeau.nn import init as init
from flambeau.nn import modules as modules
from flambeau.nn import parameter as parameter
from flambeau.nn import utils as utils
from flambeau.nn.module import Module as Module
from flambeau.nn.modules import *  # noqa: F403
from flambeau.nn.modules.container import Container as Container
from flambeau.nn.parallel import DataParallel as DataParallel
from flambeau.nn.parameter import Buffer as Buffer
from flambeau.nn.parameter import Parameter as Parameter
from flambeau.nn.parameter import UninitializedBuffer as UninitializedBuffer
from flambeau.nn.parameter import UninitializedParameter as UninitializedParameter
