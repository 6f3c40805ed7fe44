"""Functions behind the layers: native operators and composites of them."""

# ruff: noqa: E402, F403
from typing import TYPE_CHECKING

from flambeau._C import namespace as _namespace

globals().update(_namespace("nn.functional"))

if TYPE_CHECKING:
    from flambeau._operators.nn_functional import *

from flambeau.nn.functional.activation import *
from flambeau.nn.functional.attention import *
from flambeau.nn.functional.bilinear_map import *
from flambeau.nn.functional.class_loss import *
from flambeau.nn.functional.conv import *
from flambeau.nn.functional.ctc import *
from flambeau.nn.functional.distance import *
from flambeau.nn.functional.linear_cross_entropy import *
from flambeau.nn.functional.loss import *
from flambeau.nn.functional.normalization import *
from flambeau.nn.functional.padding import *
from flambeau.nn.functional.pair_loss import *
from flambeau.nn.functional.pooling import *
from flambeau.nn.functional.resample import *
from flambeau.nn.functional.sampling import *
from flambeau.nn.functional.shuffle import *
