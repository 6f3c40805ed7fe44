"""Neural networks: modules, parameters, functions, initialization and utilities."""

# ruff: noqa: F403
from flambeau.nn import (
    attention as attention,
    functional as functional,
    init as init,
    modules as modules,
    parameter as parameter,
    utils as utils,
)
from flambeau.nn.module import Module as Module
from flambeau.nn.modules.activation import *
from flambeau.nn.modules.adaptive import *
from flambeau.nn.modules.attention import *
from flambeau.nn.modules.batchnorm import *
from flambeau.nn.modules.channelshuffle import *
from flambeau.nn.modules.container import *
from flambeau.nn.modules.container import Container as Container
from flambeau.nn.modules.conv import *
from flambeau.nn.modules.distance import *
from flambeau.nn.modules.dropout import *
from flambeau.nn.modules.flatten import *
from flambeau.nn.modules.fold import *
from flambeau.nn.modules.instancenorm import *
from flambeau.nn.modules.lazy import *
from flambeau.nn.modules.linear import *
from flambeau.nn.modules.linear_cross_entropy import *
from flambeau.nn.modules.loss import *
from flambeau.nn.modules.normalization import *
from flambeau.nn.modules.padding import *
from flambeau.nn.modules.parameter_container import *
from flambeau.nn.modules.pixelshuffle import *
from flambeau.nn.modules.pooling import *
from flambeau.nn.modules.rnn import *
from flambeau.nn.modules.sparse import *
from flambeau.nn.modules.transformer import *
from flambeau.nn.modules.upsampling import *
from flambeau.nn.parallel import DataParallel as DataParallel
from flambeau.nn.parameter import (
    Buffer as Buffer,
    Parameter as Parameter,
    UninitializedBuffer as UninitializedBuffer,
    UninitializedParameter as UninitializedParameter,
)
