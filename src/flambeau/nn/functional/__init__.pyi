# ruff: noqa: F403
# What __init__.py puts together: composites, and operators that are known at run time only.
from typing import Any

from flambeau.nn.functional.activation import *
from flambeau.nn.functional.attention import *
from flambeau.nn.functional.conv import *
from flambeau.nn.functional.ctc import *
from flambeau.nn.functional.distance import *
from flambeau.nn.functional.linear_cross_entropy import *
from flambeau.nn.functional.loss import *
from flambeau.nn.functional.normalization import *
from flambeau.nn.functional.padding import *
from flambeau.nn.functional.pooling import *
from flambeau.nn.functional.resample import *
from flambeau.nn.functional.sampling import *
from flambeau.nn.functional.shuffle import *

adaptive_avg_pool1d: Any
adaptive_avg_pool2d: Any
adaptive_avg_pool3d: Any
adaptive_max_pool1d: Any
adaptive_max_pool2d: Any
adaptive_max_pool3d: Any
alpha_dropout: Any
avg_pool1d: Any
avg_pool2d: Any
avg_pool3d: Any
batch_norm: Any
bilinear: Any
binary_cross_entropy: Any
binary_cross_entropy_with_logits: Any
celu: Any
celu_: Any
conv1d: Any
conv2d: Any
conv3d: Any
conv_transpose1d: Any
conv_transpose2d: Any
conv_transpose3d: Any
cross_entropy: Any
dropout: Any
dropout1d: Any
dropout2d: Any
dropout3d: Any
elu: Any
elu_: Any
embedding: Any
embedding_bag: Any
feature_alpha_dropout: Any
gelu: Any
glu: Any
group_norm: Any
hardshrink: Any
hardsigmoid: Any
hardswish: Any
hardtanh: Any
hardtanh_: Any
huber_loss: Any
instance_norm: Any
kl_div: Any
l1_loss: Any
layer_norm: Any
leaky_relu: Any
leaky_relu_: Any
linear: Any
log_softmax: Any
logsigmoid: Any
max_pool1d: Any
max_pool2d: Any
max_pool3d: Any
mish: Any
mse_loss: Any
nll_loss: Any
one_hot: Any
pixel_shuffle: Any
pixel_unshuffle: Any
prelu: Any
relu: Any
relu6: Any
relu_: Any
rms_norm: Any
rrelu: Any
rrelu_: Any
scaled_dot_product_attention: Any
selu: Any
selu_: Any
sigmoid: Any
silu: Any
smooth_l1_loss: Any
softmax: Any
softmin: Any
softplus: Any
softshrink: Any
softsign: Any
tanh: Any
tanhshrink: Any
threshold: Any
threshold_: Any
