"""check_onnx.py FOLDER: onnx.checker, with inference of types and shapes, on every model of the folder."""
import pathlib
import sys

import onnx

newest = onnx.defs.onnx_opset_version()
failed = passed = 0
models = sorted(pathlib.Path(sys.argv[1]).glob('*.onnx'))
for path in models:
    try:
        model = onnx.load(str(path))
        if model.opset_import[0].version > newest:
            continue  # this checker is older
        onnx.checker.check_model(model, full_check=True)
        onnx.checker.check_model(str(path))  # data in other files, too
        passed += 1
        assert model.producer_name == 'gradus', model.producer_name
    except Exception as error:
        failed += 1
        print(f'{path}: {error}')
print(f'{passed} of {len(models)} models pass onnx.checker')
sys.exit(1 if failed or not passed else 0)
