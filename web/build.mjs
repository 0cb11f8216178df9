// Builds dist/: the page, and beside it everything that it loads, as scripts, which a browser also loads from disk.
//
//     node build.mjs FOLDER     // with the model.tflite and model.json of fingerspelling.export.static

import {build} from 'esbuild';
import {copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {gzipSync} from 'node:zlib';

const [model] = process.argv.slice(2);
const holistic = 'node_modules/@mediapipe/holistic', litert = 'node_modules/@litertjs/core/wasm';
const assets = [
  ...['holistic.binarypb', 'holistic_solution_packed_assets.data', 'holistic_solution_packed_assets_loader.js',
    'holistic_solution_simd_wasm_bin.js', 'holistic_solution_simd_wasm_bin.wasm', 'pose_landmark_full.tflite',
  ].map(name => join(holistic, name)),
  // Without relaxed SIMD, which not every browser has.
  join(litert, 'litert_wasm_compat_internal.js'), join(litert, 'litert_wasm_compat_internal.wasm'),
  join(model, 'model.tflite'), join(model, 'model.json'),
];

rmSync('dist', {recursive: true, force: true});
mkdirSync('dist/assets', {recursive: true});
for (const path of assets) {
  const name = basename(path), content = gzipSync(readFileSync(path), {level: 9}).toString('base64');
  writeFileSync(`dist/assets/${name}.js`, `deliver(${JSON.stringify(name)}, "${content}");\n`);
}
copyFileSync(join(holistic, 'holistic.js'), 'dist/holistic.js');
copyFileSync('index.html', 'dist/index.html');
await build({entryPoints: ['src/page.js'], bundle: true, format: 'iife', outfile: 'dist/page.js', logLevel: 'warning'});
