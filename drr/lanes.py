"""Eight image rows at once in vector registers: the two steps that numba does not vectorise.

Arrays of shape (n, 8), float32, C-contiguous: a column of eight rows lies in one register. Nothing
is checked: indices must be inside, and a slice's rows must have whole blocks of eight columns.
"""

from typing import no_type_check

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
_FLOAT, _INT, _INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_STEPS = ir.VectorType(ir.IntType(16), LANES)
_FAST = ("fast",)


@intrinsic
@no_type_check
def add_between(typing_context, out, columns, where, weights, first, end):
    """out[i] += (1 - weights[i]) columns[where[i]] + weights[i] columns[where[i] + 1].

    For i in first..end-1, in eight lanes.
    """

    def generate(context, builder, signature, values):
        out, columns, where, weights = _starts(context, builder, signature.args, values)
        with cgutils.for_range_slice(
            builder, values[4], values[5], ir.Constant(_INDEX, 1), _INDEX, inc=True
        ) as (i, _):
            value = _between(builder, columns, where, weights, i)
            _add(builder, builder.gep(_vectors(builder, out), [i]), value)
        return context.get_dummy_value()

    return types.void(out, columns, where, weights, types.intp, types.intp), generate


@intrinsic
@no_type_check
def add_between_twice(typing_context, out, columns, where, weights, first, end, scaled, scale):
    """As `add_between`, and scaled[i] += scale times the same."""

    def generate(context, builder, signature, values):
        out, columns, where, weights = _starts(context, builder, signature.args, values)
        scaled = context.make_array(signature.args[6])(context, builder, values[6]).data
        scale = _broadcast(builder, values[7])
        with cgutils.for_range_slice(
            builder, values[4], values[5], ir.Constant(_INDEX, 1), _INDEX, inc=True
        ) as (i, _):
            value = _between(builder, columns, where, weights, i)
            _add(builder, builder.gep(_vectors(builder, out), [i]), value)
            value = builder.fmul(value, scale, flags=_FAST)
            _add(builder, builder.gep(_vectors(builder, scaled), [i]), value)
        return context.get_dummy_value()

    arguments = (types.intp, types.intp, scaled, types.float32)
    return types.void(out, columns, where, weights, *arguments), generate


@intrinsic
@no_type_check
def blend_rows(typing_context, out, at, slice_, rows, weights, first, end):
    """out[at + i, lane] = weights[lane] slice_[rows[lane], first + i] + weights[8 + lane] ...

    ... slice_[rows[8 + lane], first + i], in whole blocks of eight columns until `end` is reached.

    Args:
        slice_: (row, column) uint16.
        rows, weights: (16,) intp and float32, the upper rows of the eight lanes, then the lower.
    """

    def generate(context, builder, signature, values):
        out, _, slice_, rows, weights = _starts(context, builder, signature.args, values)
        stride = context.make_array(signature.args[2])(context, builder, values[2]).shape
        width = builder.extract_value(stride, 1)
        pointers, factors = [], []
        for n in range(2 * LANES):
            row = builder.load(builder.gep(rows, [ir.Constant(_INDEX, n)]))
            pointers.append(builder.gep(slice_, [builder.mul(row, width)]))
            weight = builder.load(builder.gep(weights, [ir.Constant(_INDEX, n)]))
            factors.append(_broadcast(builder, weight))
        target = builder.gep(_vectors(builder, out), [values[1]])
        with cgutils.for_range_slice(
            builder, values[5], values[6], ir.Constant(_INDEX, LANES), _INDEX, inc=True
        ) as (column, _):
            blended = []
            for lane in range(LANES):
                upper, lower = (
                    builder.fmul(_read(builder, pointers[n], column), factors[n], flags=_FAST)
                    for n in (lane, LANES + lane)
                )
                blended.append(builder.fadd(upper, lower, flags=_FAST))
            block = builder.gep(target, [builder.sub(column, values[5])])
            for i, vector in enumerate(_transposed(builder, blended)):
                builder.store(vector, builder.gep(block, [ir.Constant(_INDEX, i)]), align=4)
        return context.get_dummy_value()

    arguments = (types.intp, slice_, rows, weights, types.intp, types.intp)
    return types.void(out, *arguments), generate


def _starts(context, builder, argument_types, values):
    """Where each array's data begin."""
    return [
        context.make_array(kind)(context, builder, value).data
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(argument_types, values, strict=True)
    ][: 5 if len(values) == 7 else 4]


def _vectors(builder, data):
    return builder.bitcast(data, _VECTOR.as_pointer())


def _read(builder, row, column):
    """Eight uint16 of a row, as float32."""
    pointer = builder.bitcast(builder.gep(row, [column]), _STEPS.as_pointer())
    steps = builder.load(pointer, align=2)
    return builder.sitofp(builder.zext(steps, ir.VectorType(_INT, LANES)), _VECTOR)


def _between(builder, columns, where, weights, i):
    column = builder.sext(builder.load(builder.gep(where, [i])), _INDEX)
    weight = _broadcast(builder, builder.load(builder.gep(weights, [i])))
    here = builder.gep(_vectors(builder, columns), [column])
    after = builder.gep(here, [ir.Constant(_INDEX, 1)])
    first, second = builder.load(here, align=4), builder.load(after, align=4)
    step = builder.fmul(builder.fsub(second, first, flags=_FAST), weight, flags=_FAST)
    return builder.fadd(first, step, flags=_FAST)


def _add(builder, pointer, value):
    total = builder.fadd(builder.load(pointer, align=4), value, flags=_FAST)
    builder.store(total, pointer, align=4)


def _broadcast(builder, scalar):
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_INT, 0))
    lanes = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, lanes)


def _transposed(builder, vectors):
    """Columns of the 8 x 8 matrix whose rows are given, in three rounds of interleaving."""

    def shuffled(a, b, indices):
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, LANES), indices))

    for low, high, gap in (
        ((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15), 1),
        ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15), 2),
        ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15), 4),
    ):
        turned = list(vectors)
        for n in range(LANES):
            if not n & gap:
                turned[n] = shuffled(vectors[n], vectors[n + gap], low)
                turned[n + gap] = shuffled(vectors[n], vectors[n + gap], high)
        vectors = turned
    return [vectors[n] for n in (0, 2, 1, 3, 4, 6, 5, 7)]


@intrinsic
@no_type_check
def fetch_ahead(typing_context, slice_, row, column):
    """Ask for the memory of slice_[row, column] before it is needed."""

    def generate(context, builder, signature, values):
        array = context.make_array(signature.args[0])(context, builder, values[0])
        width = builder.extract_value(array.shape, 1)
        place = builder.add(builder.mul(values[1], width), values[2])
        pointer = builder.bitcast(builder.gep(array.data, [place]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, _INT, _INT, _INT])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(prefetch, [pointer, _INT(0), _INT(3), _INT(1)])
        return context.get_dummy_value()

    return types.void(slice_, types.intp, types.intp), generate
