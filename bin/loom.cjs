#!/usr/bin/env node
'use strict';

// Starts the build. CommonJS, so that these lines run before any ESM module is loaded: the thread pool of
// libuv is sized at its first use, and four nodes' fdatasyncs fill the default four threads.

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const USAGE_EXIT_CODE = 2;

/** @param {string} code @param {string} sentence @param {string} remedy */
function refuse(code, sentence, remedy) {
  process.stderr.write(`loom: ${code}: ${sentence}\n  remedy: ${remedy}\n`);
  process.exitCode = USAGE_EXIT_CODE;
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  refuse(
    'NODE_TOO_OLD',
    `Loom needs Node.js 20.19 or newer; this is ${process.versions.node}.`,
    'install a newer Node.js (https://nodejs.org) and try again.',
  );
} else {
  process.env.UV_THREADPOOL_SIZE ??= '16';
  const main = join(__dirname, '..', 'dist', 'cli', 'main.js');
  if (!existsSync(main)) {
    refuse('NOT_BUILT', 'The build is missing (dist/cli/main.js).', 'run `npm run build`.');
  } else {
    import(pathToFileURL(main).href)
      .then((cli) => cli.main(process.argv.slice(2)))
      .then(
        (exitCode) => {
          process.exitCode = exitCode;
        },
        (error) => {
          if (error?.code === 'ERR_MODULE_NOT_FOUND') {
            refuse('BUILD_INCOMPLETE', error.message, 'run `npm ci`, then `npm run build`.');
            return;
          }
          process.stderr.write(`loom: INTERNAL: ${error?.stack ?? error}\n`);
          process.exitCode = 70;
        },
      );
  }
}
