"""Eight image rows interpolated at once: the one step that numba does not vectorise by itself.

Arrays of shape (n, 8), float32, C-contiguous: a column of eight rows lies in one vector register.
Nothing is checked: indices must be inside.
"""

from typing import no_type_check

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


@intrinsic
@no_type_check
def add_between(typing_context, out, i, columns, c, weight):
    """out[i] += (1 - weight) columns[c] + weight columns[c + 1], for eight lanes."""

    def generate(context, builder, signature, values):
        types_ = signature.args
        value = _between(context, builder, types_[2], values[2:5])
        _add(builder, _pointer(context, builder, types_[0], values[0], values[1]), value)
        return context.get_dummy_value()

    return types.void(out, types.intp, columns, types.intp, types.float32), generate


@intrinsic
@no_type_check
def add_between_twice(typing_context, out, scaled, i, columns, c, weight, scale):
    """As `add_between`, and scaled[i] += scale times the same."""

    def generate(context, builder, signature, values):
        types_ = signature.args
        value = _between(context, builder, types_[3], values[3:6])
        _add(builder, _pointer(context, builder, types_[0], values[0], values[2]), value)
        value = builder.fmul(value, _broadcast(builder, values[6]), flags=("fast",))
        _add(builder, _pointer(context, builder, types_[1], values[1], values[2]), value)
        return context.get_dummy_value()

    arguments = (out, scaled, types.intp, columns, types.intp, types.float32, types.float32)
    return types.void(*arguments), generate


def _pointer(context, builder, array_type, array, index):
    """The address of the index-th vector of an (n, 8) array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _VECTOR.as_pointer()), [index])


def _between(context, builder, array_type, values):
    array, index, weight = values
    here = _pointer(context, builder, array_type, array, index)
    after = builder.gep(here, [ir.Constant(ir.IntType(64), 1)])
    first, second = builder.load(here, align=4), builder.load(after, align=4)
    step = builder.fsub(second, first, flags=("fast",))
    step = builder.fmul(step, _broadcast(builder, weight), flags=("fast",))
    return builder.fadd(first, step, flags=("fast",))


def _add(builder, pointer, value):
    total = builder.fadd(builder.load(pointer, align=4), value, flags=("fast",))
    builder.store(total, pointer, align=4)


def _broadcast(builder, scalar):
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, lanes)
