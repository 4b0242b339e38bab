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
print(f'{len(cases)} tests of onnx {onnx.__version__}, {skipped} of them without tensors')
