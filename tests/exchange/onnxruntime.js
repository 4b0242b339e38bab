// Runs every model of a folder in ONNX Runtime and compares: node onnxruntime.js FOLDER
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');

const folder = process.argv[2];
const arrays = {float32: Float32Array, float64: Float64Array, int64: BigInt64Array, bool: Uint8Array};
const names = {float32: 'float32', float64: 'float64', int64: 'int64', bool: 'bool'};

function tensor(x) {
  const data = x.dtype === 'int64' ? x.data.map(BigInt) : x.data;
  return new ort.Tensor(names[x.dtype], arrays[x.dtype].from(data), x.shape);
}

/// The largest |a - b| / max(1, |b|).
function distance(got, expected) {
  if (got.type !== names[expected.dtype]) throw new Error(`expected ${expected.dtype}, got ${got.type}`);
  if (JSON.stringify(got.dims) !== JSON.stringify(expected.shape))
    throw new Error(`expected shape [${expected.shape}], got [${got.dims}]`);
  let most = 0;
  expected.data.forEach((b, i) => {
    const off = Math.abs(Number(got.data[i]) - b) / Math.max(1, Math.abs(b));
    if (!(off <= most)) most = off;
  });
  return most;
}

async function main() {
  const cases = JSON.parse(fs.readFileSync(path.join(folder, 'cases.json')));
  let failed = 0;
  for (const c of cases) {
    let most = 0, error = '';
    try {
      const session = await ort.InferenceSession.create(
          path.join(folder, c.model), {logSeverityLevel: 3, intraOpNumThreads: 1});
      for (const run of c.runs) {
        const feeds = {};
        for (const name of session.inputNames) feeds[name] = tensor(run.inputs[name]);
        const results = await session.run(feeds);
        for (const [name, expected] of Object.entries(run.outputs)) {
          const d = distance(results[name], expected);
          if (!(d <= most)) most = d;
        }
      }
      if (!(most <= 1e-5)) error = 'too far';
    } catch (e) {
      error = String(e.message).split('\n')[0];
    }
    if (error) ++failed;
    console.log(`${c.name.padEnd(90)} ${error ? 'FAILED: ' + error : 'ok'}  ${most.toExponential(1)}`);
  }
  console.log(`${cases.length - failed} of ${cases.length} models agree within 1e-5`);
  process.exit(failed ? 1 : 0);
}

main();
