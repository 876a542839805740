/**
 * Before an incremental build: deletes outputs whose source is gone, and forgets the record of the last build
 * when an output is missing, since the compiler would believe the record and not write it again.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const output = join(root, 'dist');
const record = join(output, '.tsbuildinfo');

function filesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
}

const stems = filesOf(source)
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map((path) => path.slice(0, -'.ts'.length));
const known = new Set(stems);

for (const path of filesOf(output)) {
  const stem = path.match(/^(.*)\.(?:js|js\.map|d\.ts)$/)?.[1];
  if (stem !== undefined && !known.has(stem)) rmSync(join(output, path), { force: true });
}
if (stems.some((stem) => !existsSync(join(output, `${stem}.js`)))) rmSync(record, { force: true });
