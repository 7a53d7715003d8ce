"""Pickles of tensors and arrays that cannot be; `make.py` puts them into files."""

import struct

from attacks.torch.parts import (
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_TUPLE,
    ENTRIES,
    FALSE,
    MARK,
    NONE,
    SETITEM,
    TRUE,
    call,
    data,
    get,
    name,
    number,
    numbers,
    numpy_dtype,
    put,
    storage,
    tensor,
    text,
    tuple_of,
)


def tensors():
    """Yield (name, body): sound pickles of tensors that cannot be."""
    huge = 1 << 40
    yield "offset-beyond", tensor(offset=1)
    yield "offset-negative", tensor(offset=-1)
    yield "offset-huge", tensor(offset=1 << 2000)
    yield "size-beyond", tensor(size=(5,))
    yield "size-negative", tensor(size=(-1,))
    yield "size-negative-twice", tensor(size=(-2, -2), stride=(2, 1))
    yield "size-that-wraps-around", tensor(size=(1 << 32, 1 << 32), stride=(0, 0))
    yield "size-0-times-huge", tensor(size=(0, 1 << 62), stride=(1, 1))
    yield "size-of-2000-bits", tensor(size=(1 << 2000,), stride=(0,))
    yield "stride-beyond", tensor(size=(2, 2), stride=(3, 1))
    yield "stride-negative", tensor(offset=3, stride=(-1,))
    yield "stride-that-wraps-around", tensor(size=(3,), stride=(1 << 63,))
    yield "stride-missing", tensor(size=(2, 2), stride=(1,))
    yield "expanded-to-terabytes", tensor(size=(huge,), stride=(0,))
    yield "expanded-to-terabytes-in-parts", MARK + tensor(size=(1 << 20,), stride=(0,)) * 20 + b"t"
    yield "dimensions-65", tensor(size=(1,) * 65, stride=(1,) * 65)
    yield "size-of-floats", call(
        "torch._utils", "_rebuild_tensor_v2", storage(), number(0),
        tuple_of(b"G" + struct.pack(">d", 4)), numbers(1), FALSE, call("collections", "OrderedDict"),
    )  # fmt: skip
    yield "arguments-too-few", call("torch._utils", "_rebuild_tensor_v2", storage())
    yield "storage-a-list", tensor(EMPTY_LIST)
    yield "storage-a-tensor-of-two-dimensions", tensor(tensor(size=(2, 2), stride=(2, 1)))
    yield "storage-missing", tensor(storage("1"))
    longest = storage("x" * 256, n=0)
    yield "storage-key-of-many-characters", tensor(longest, size=(0,), stride=(1,))
    yield "storage-key-a-path", tensor(storage("../../a/data/0"))
    yield "storage-longer-than-its-member", tensor(storage(n=5))
    yield "storage-shorter-than-its-member", tensor(storage(n=3), size=(3,))
    yield "storage-of-exabytes", tensor(storage(n=1 << 61))
    yield "storage-of-negative-size", tensor(storage(n=-4))
    yield "storage-of-two-types", MARK + tensor() + tensor(storage(kind="IntStorage")) + b"t"
    yield "storage-of-two-sizes", MARK + tensor() + tensor(storage(n=2), size=(2,)) + b"t"
    yield "storage-quantized", tensor(storage(n=16, kind="QInt8Storage"))
    yield "storage-unknown", tensor(storage(kind="FancyStorage"))
    yield "bool-of-63", tensor(storage(n=16, kind="BoolStorage"), size=(16,))
    marks = EMPTY_DICT + text("conj") + number(1) + SETITEM
    yield "marks-unknown", tensor(extra=EMPTY_DICT + text("zero") + TRUE + SETITEM)
    yield "marks-no-bool", tensor(extra=marks)
    parts = storage(kind="UntypedStorage", n=16, module="torch.storage"), number(0), numbers(4)
    hooks = call("collections", "OrderedDict")
    for kind in ("float8_e4m3fn", "complex32", "quint8", "float32"):
        yield (
            f"dtype-{kind}",
            call(
                "torch._utils",
                "_rebuild_tensor_v3",
                *parts,
                numbers(1),
                FALSE,
                hooks,
                name("torch", kind),
            ),
        )
    yield (
        "dtype-wider-than-the-storage",
        call(
            "torch._utils",
            "_rebuild_tensor_v3",
            *parts,
            numbers(1),
            FALSE,
            hooks,
            name("torch", "uint64"),
        ),
    )
    for kind in ("sparse_tensor", "meta_tensor_no_storage", "qtensor", "nested_tensor"):
        yield f"tensor-{kind.replace('_', '-')}", call("torch._utils", f"_rebuild_{kind}", NONE)
    tensor_type = name("torch", "Tensor")
    # A comparison with a tensor would compare its entries.
    yield "reference-begins-with-a-tensor", tensor(tuple_of(tensor(), *[number(0)] * 4) + b"Q")
    yield "marks-a-tensor-of-uint16", call(
        "torch._utils", "_rebuild_tensor_v3", *parts, numbers(1), FALSE, hooks,
        name("torch", "uint16"), tensor(parts[0], size=(16,)),
    )  # fmt: skip
    yield "type-of-its-own", call(
        "torch._tensor", "_rebuild_from_type_v2", name("torch._utils", "_rebuild_tensor_v2"),
        name("collections", "OrderedDict"), EMPTY_TUPLE, EMPTY_DICT,
    )  # fmt: skip
    recursive = name("torch._tensor", "_rebuild_from_type_v2")
    yield (
        "type-within-types",
        call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            recursive,
            tensor_type,
            EMPTY_TUPLE,
            EMPTY_DICT,
        ),
    )
    yield "parameter-of-a-list", call("torch._utils", "_rebuild_parameter", EMPTY_LIST, TRUE, hooks)


def arrays():
    """Yield (name, body): pickles of NumPy's arrays that cannot be."""

    empty = name("numpy", "ndarray"), numbers(0), data(b"b")
    begun = call("numpy.core.multiarray", "_reconstruct", *empty)

    def array(shape=(4,), kind=None, content=ENTRIES):
        kind = numpy_dtype() if kind is None else kind
        return begun + tuple_of(number(1), numbers(*shape), kind, FALSE, data(content)) + BUILD

    yield "array-too-long", array((5,))
    buffer = data(ENTRIES), numpy_dtype(), numbers(4), text("C")
    yield "buffer-of-many-axes", call("numpy.core.numeric", "_frombuffer", *buffer, NONE, NONE)
    yield "array-too-short", array((3,))
    yield "array-of-negative-size", array((-4, -1))
    yield "array-that-wraps-around", array((1 << 62, 4))
    yield "array-0-times-huge", array((0, 1 << 62), content=b"")
    yield "array-of-65-dimensions", array((4, *[1] * 64))
    yield "array-of-objects", array(kind=numpy_dtype("O8"))
    yield "array-of-text", array(kind=numpy_dtype("U1"))
    yield "array-of-records", array(kind=numpy_dtype("V4"))
    yield "array-of-comma-separated-types", array(kind=numpy_dtype("f4,f4"))
    yield "array-with-a-byte-order-unknown", array(kind=numpy_dtype("f4", "!"))
    yield "array-without-a-dtype", array(kind=NONE)
    yield "array-of-bools-of-63", array((16,), numpy_dtype("b1", "|"))
    yield "array-never-finished", begun
    yield "array-used-before-it-is-finished", MARK + begun + put(0) + get(0) + get(0) + b"t"
    yield (
        "array-of-another-class",
        call(
            "numpy.core.multiarray", "_reconstruct", name("collections", "OrderedDict"), *empty[1:]
        ),
    )
    yield (
        "array-scalar-too-long",
        call("numpy.core.multiarray", "scalar", numpy_dtype(), data(ENTRIES)),
    )
    yield (
        "array-scalar-of-objects",
        call("numpy.core.multiarray", "scalar", numpy_dtype("O8"), data(b"x" * 8)),
    )
    yield "array-dtype-without-state", call("numpy", "dtype", text("f4"), FALSE, TRUE)
    yield "array-dtype-of-a-list", call("numpy", "dtype", EMPTY_LIST, FALSE, TRUE)
