// Builds dist/: the page, and beside it everything that it loads, as scripts, which a browser also loads from disk.
//
//     node build.mjs FOLDER     // with the model.tflite and model.json of fingerspelling.export.static

import {build} from 'esbuild';
import {copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {gzipSync} from 'node:zlib';
import {graphs} from './graphs.mjs';
import {NETWORKS} from './src/networks.js';

const [model] = process.argv.slice(2);
const holistic = 'node_modules/@mediapipe/holistic', litert = 'node_modules/@litertjs/core/wasm';
const bundle = options => build({bundle: true, format: 'iife', logLevel: 'warning', ...options});

rmSync('dist', {recursive: true, force: true});
mkdirSync('dist/assets', {recursive: true});
function deliver(name, content) {
  const packed = gzipSync(content, {level: 9}).toString('base64');
  writeFileSync(`dist/assets/${name}.js`, `deliver(${JSON.stringify(name)}, "${packed}");\n`);
}

for (const path of [
  join(holistic, 'holistic_solution_simd_wasm_bin.js'), join(holistic, 'holistic_solution_simd_wasm_bin.wasm'),
  // Without relaxed SIMD, which not every browser has.
  join(litert, 'litert_wasm_compat_internal.js'), join(litert, 'litert_wasm_compat_internal.wasm'),
  join(model, 'model.tflite'), join(model, 'model.json'),
]) deliver(basename(path), readFileSync(path));

// MediaPipe's package has most networks in one file, and an index of it in a script.
const packed = readFileSync(join(holistic, 'holistic_solution_packed_assets.data'));
const index = readFileSync(join(holistic, 'holistic_solution_packed_assets_loader.js'), 'utf8');
for (const path of Object.values(NETWORKS).flat()) {
  const name = `${basename(path)}.tflite`, place = index.match(`/${path}.tflite", "start": (\\d+), "end": (\\d+)`);
  deliver(name, place ? packed.subarray(...place.slice(1).map(Number)) : readFileSync(join(holistic, name)));
}
for (const [name, graph] of Object.entries(graphs)) deliver(`${name}.binarypb`, graph);
const thread = await bundle({entryPoints: ['src/mediapipe.js'], write: false});
deliver('mediapipe.js', thread.outputFiles[0].contents);

copyFileSync('index.html', 'dist/index.html');
await bundle({entryPoints: ['src/page.js'], outfile: 'dist/page.js'});
