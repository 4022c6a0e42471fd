"""Names: which functions and methods exist for a candidate. Reviewed as data; what is not here does not exist.

None of these reads or writes a file, draws a random number, shows uninitialised memory, changes its arguments or
reaches a module. What is left out on purpose: `as_strided`, `set_`, `resize_`, `empty*`, storage, `view(dtype)`
(memory that torch does not check), `load`, `save`, `from_file` (files), hooks, `apply_` and `map_` (callbacks).
"""

from __future__ import annotations

TORCH = """
    abs absolute add sub subtract mul multiply div divide true_divide floor_divide neg negative exp expm1 log log1p
    log2 log10 sqrt rsqrt square reciprocal sigmoid tanh sinh cosh tan sin cos atan arctan atan2 arctan2 erf relu
    sign sgn floor ceil round trunc fmod remainder pow maximum minimum fmax fmin clamp clip clamp_min clamp_max
    nan_to_num eq ne lt le gt ge greater greater_equal less less_equal not_equal logical_and logical_or logical_not
    logical_xor bitwise_and bitwise_or bitwise_xor bitwise_not isnan isinf isfinite sum mean amax amin
    max min argmax argmin any all cumsum cumprod sort argsort topk logsumexp softmax log_softmax matmul mm bmm mv
    dot outer cat concat concatenate stack hstack vstack unsqueeze squeeze reshape flatten permute transpose movedim
    swapaxes t flip repeat_interleave tile broadcast_to split chunk unbind narrow select gather index_select
    masked_fill take_along_dim tril triu zeros_like ones_like full_like diff ravel numel swapdims select_scatter slice_scatter scatter meshgrid
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
"""Functions of `torch` that are passed on after a check of their arguments."""

FUNCTIONAL = """
    softmax log_softmax relu sigmoid tanh softplus elu leaky_relu gelu silu hardtanh relu6 selu
    softsign tanhshrink pad
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
"""Functions of `torch.nn.functional`, likewise."""

MATH = """
    sqrt exp log log2 log10 log1p expm1 pow sin cos tan atan atan2 tanh sinh cosh floor ceil fabs hypot degrees
    radians isnan isinf isfinite isclose copysign gcd
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
"""Functions of `math`, of Python numbers."""

METHODS = frozenset(
    """
    abs absolute add sub mul div floor_divide neg exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal
    sigmoid tanh sin cos tan sinh cosh atan erf relu sign sgn floor ceil round trunc fmod remainder pow maximum
    minimum clamp clip clamp_min clamp_max nan_to_num eq ne lt le gt ge greater greater_equal less less_equal
    not_equal logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_xor bitwise_not isnan
    isinf isfinite sum mean prod amax amin max min argmax argmin any all cumsum cumprod sort argsort topk logsumexp
    softmax log_softmax std var median matmul mm bmm mv dot outer unsqueeze squeeze reshape view flatten permute
    transpose movedim swapaxes t flip roll repeat repeat_interleave tile expand expand_as view_as reshape_as
    broadcast_to split chunk unbind narrow select gather index_select masked_fill take_along_dim diagonal tril triu
    clone contiguous float long bool size dim numel detach scatter diff new_zeros new_ones new_full type_as
    norm to where unflatten cross lerp hypot isclose
    ravel swapdims exp2 logit addcmul addcdiv count_nonzero logaddexp int addmm deg2rad rad2deg fmax fmin
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
)
"""Methods of a tensor."""

PROPERTIES = frozenset({"shape", "dtype", "device", "ndim", "T", "mT"})
"""Attributes of a tensor."""
