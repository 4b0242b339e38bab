// node export.js MODEL ROWS PREDICTED COLUMN: what the model gives for a table of numbers ("?" is NaN) is what stands in
// the predictions from that column on.
'use strict';
const fs = require('fs');
const ort = require('onnxruntime-node');

const table = file => fs.readFileSync(file, 'utf8').trim().split('\n').slice(1).map(
    line => line.split(',').map(x => x === '?' ? NaN : Number(x)));

async function main() {
  const [model, rowsFile, predictedFile, column] = process.argv.slice(2);
  const rows = table(rowsFile), expected = table(predictedFile).map(row => row.slice(Number(column)));
  const session = await ort.InferenceSession.create(model, {logSeverityLevel: 3});
  const results = await session.run(
      {rows: new ort.Tensor('float32', Float32Array.from(rows.flat()), [rows.length, rows[0].length])});
  const got = results[session.outputNames[0]].data;
  expected.flat().forEach((value, i) => {
    if (!(Math.abs(got[i] - value) <= 2e-5 * Math.max(1, Math.abs(value))))
      throw new Error(`expected ${value}, got ${got[i]}`);
  });
  if (got.length !== expected.flat().length) throw new Error('another number of results');
}

main().catch(error => {
  console.log(error.message);
  process.exit(1);
});
