import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const folder = fileURLToPath(new URL('.', import.meta.url));
const lockfile = `${folder}package-lock.json`;
const installed = `${folder}node_modules/.installed-lock.json`;

/** Installs the peers when the folder does not hold what the lockfile says. Loom itself depends on none of them. */
export async function installPeers(told: (line: string) => void): Promise<void> {
  const lock = readFileSync(lockfile, 'utf8');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === lock) return;
  told('installing the peers into bench/node_modules');
  await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder });
  writeFileSync(installed, lock);
}
