"""node_cases.py FOLDER: the tests of single operators of the ONNX standard, as a folder each: model.onnx, input_N.pb
and output_N.pb, of those whose values are tensors."""
import pathlib
import sys
import warnings

import numpy
import onnx
from onnx import numpy_helper

warnings.simplefilter('ignore')
for name, kind in {'float': float, 'int': int, 'bool': bool, 'object': object}.items():
    if name not in vars(numpy):  # names that NumPy 1.24 dropped
        setattr(numpy, name, kind)
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

folder = pathlib.Path(sys.argv[1])
skipped = 0
cases = collect_testcases(None) if collect_testcases.__code__.co_argcount else collect_testcases()
for case in cases:
    inputs, outputs = case.data_sets[0]
    place = folder / case.name
    try:
        files = {f'{kind}_{i}.pb': (x if isinstance(x, onnx.TensorProto) else numpy_helper.from_array(x)).SerializeToString()
                 for kind, values in (('input', inputs), ('output', outputs)) for i, x in enumerate(values)}
    except Exception:  # sequences and values that may be missing
        skipped += 1
        continue
    place.mkdir(parents=True, exist_ok=True)  # a few are there twice
    (place / 'model.onnx').write_bytes(case.model.SerializeToString())
    for name, data in files.items():
        (place / name).write_bytes(data)


def older(name, version, operator, inputs, wanted, **attributes):
    """A case in the form of an older version of the operators."""
    names = [f'x{i}' for i in range(len(inputs))]
    types = {'float32': onnx.TensorProto.FLOAT, 'int64': onnx.TensorProto.INT64}

    def value(of, array):
        return onnx.helper.make_tensor_value_info(of, types[str(array.dtype)], array.shape)

    graph = onnx.helper.make_graph([onnx.helper.make_node(operator, names, ['y'], **attributes)], name,
                                   [value(*pair) for pair in zip(names, inputs)], [value('y', wanted)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', version)])
    onnx.checker.check_model(model)
    place = folder / f'older_{name}'
    place.mkdir()
    (place / 'model.onnx').write_bytes(model.SerializeToString())
    for i, x in enumerate(inputs):
        (place / f'input_{i}.pb').write_bytes(numpy_helper.from_array(x).SerializeToString())
    (place / 'output_0.pb').write_bytes(numpy_helper.from_array(wanted).SerializeToString())


x = numpy.random.default_rng(0).normal(size=(2, 3, 4)).astype(numpy.float32)
e = numpy.exp(x)
older('softmax', 11, 'Softmax', [x], e / e.sum((1, 2), keepdims=True))
older('softmax_2', 7, 'Softmax', [x], e / e.sum(2, keepdims=True), axis=2)
older('log_softmax', 11, 'LogSoftmax', [x], x - numpy.log(e.sum((1, 2), keepdims=True)))
older('clip', 10, 'Clip', [x], x.clip(-0.5, 0.25), min=-0.5, max=0.25)
older('squeeze', 11, 'Squeeze', [x[:1]], x[0], axes=[0])
older('unsqueeze', 11, 'Unsqueeze', [x], x[:, None, ..., None], axes=[1, 4])
older('reduce_sum', 11, 'ReduceSum', [x], x.sum((0, 2)), axes=[0, 2], keepdims=0)
older('slice', 9, 'Slice', [x], x[:, 1:-1, :3], axes=[1, 2], starts=[1, 0], ends=[-1, 3])
older('split', 11, 'Split', [x], x[..., :4], axis=2, split=[4])
older('pad', 10, 'Pad', [x], numpy.pad(x, [(0, 0), (1, 0), (0, 2)], constant_values=3), pads=[0, 1, 0, 0, 0, 2], value=3.0)
older('dropout', 7, 'Dropout', [x], x, ratio=0.9)
older('upsample', 8, 'Upsample', [x[None]], x[None].repeat(2, 2).repeat(3, 3), scales=[1.0, 1.0, 2.0, 3.0])
older('batch_norm', 8, 'BatchNormalization', [x, e[0, :, 0], x[0, :, 1], x[1, :, 2], e[1, :, 3]],
      e[0, :, :1] * (x - x[1, :, 2:3]) / numpy.sqrt(e[1, :, 3:4] + 1e-5) + x[0, :, 1:2])
print(f'{len(cases)} tests of onnx {onnx.__version__}, {skipped} of them without tensors')
