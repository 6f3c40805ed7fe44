"""Transformations of functions: derivatives, Jacobians, and maps over a batch dimension.

They compose: ``vmap(grad(f))`` gives the gradient of each sample, ``hessian`` is a Jacobian of a
Jacobian. All of them work on the ordinary graph of :mod:`flambeau.autograd`, so what they return
can be differentiated further where it depends on tensors that require gradients.

Example::

    >>> from flambeau.func import grad
    >>> grad(grad(torch.sin))(torch.tensor(0.5))
    tensor(-0.4794)
"""

from flambeau.utils.lazy import lazy_names

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "rearrange", "replace_all_batch_norm_modules_", "stack_module_state", "vjp",
]  # fmt: skip

__getattr__ = lazy_names(
    __name__,
    {
        "products": ("grad", "grad_and_value", "jvp", "linearize", "vjp"),
        "jacobians": ("hessian", "jacfwd", "jacrev"),
        "modules": ("functional_call", "replace_all_batch_norm_modules_", "stack_module_state"),
        "axes": ("rearrange",),
    },
)
