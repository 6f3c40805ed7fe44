"""Utilities around parameters, sequences and modules."""

from flambeau.nn.utils import rnn as rnn
