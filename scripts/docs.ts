/** Checks the Markdown pages: relative links and their anchors, named npm scripts, named files and commands exist. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandTable } from '../src/cli/commands/table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const skippedFolders = new Set(['.cache', '.git', 'coverage', 'dist', 'node_modules']);

function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, title = '']) => title);
  const slugs = headings.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set(slugs.map((slug, at) => `${slug}${suffix(slugs.slice(0, at), slug)}`));
}

function suffix(earlier: readonly string[], slug: string): string {
  const count = earlier.filter((other) => other === slug).length;
  return count === 0 ? '' : `-${count}`;
}

function withoutCode(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
}

function* brokenLinks(page: string, text: string): Generator<string> {
  for (const [, target = ''] of withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)) {
    if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
    const [path = '', anchor] = decodeURI(target).split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(file)) {
      yield `link to ${target}: no such file`;
    } else if (anchor !== undefined && statSync(file).isFile() && file.endsWith('.md')) {
      if (!anchorsOf(readFileSync(file, 'utf8').replace(/^(```|~~~)[\s\S]*?^\1/gm, '')).has(anchor)) {
        yield `link to ${target}: no such heading`;
      }
    }
  }
}

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

function* unknownScripts(text: string): Generator<string> {
  for (const [, name = ''] of text.matchAll(/npm run (?:-s |--silent )?([\w:-]+)/g)) {
    if (!(name in scripts)) yield `npm run ${name}: no such script`;
  }
}

/** `src/node/compose.ts`, `test/cluster/` in backticks; a path with a placeholder or a pattern in it is none. */
function* unknownPaths(text: string): Generator<string> {
  for (const [, path = ''] of text.matchAll(/`((?:src|test|scripts|docs|bin|bench)\/[\w./-]*)`/g)) {
    if (path !== 'src/gen' && !existsSync(join(root, path))) yield `${path}: no such file`;
  }
}

const commandNames = commandTable.map(({ name }) => name);

/** `loom status`, in backticks or as a line of a code block after a prompt. */
function* unknownCommands(text: string): Generator<string> {
  for (const [, words = ''] of text.matchAll(/(?:`|^\$ )(?:npx )?loom ((?:[a-z]+ ?){1,2})/gm)) {
    const known = commandNames.some((name) => `${words.trim()} `.startsWith(`${name} `));
    if (!known) yield `loom ${words.trim()}: no such command`;
  }
}

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : pagesIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const pages = pagesIn(root);
let faults = 0;
for (const page of pages) {
  const text = readFileSync(page, 'utf8');
  for (const fault of [
    ...brokenLinks(page, text),
    ...unknownScripts(text),
    ...unknownPaths(text),
    ...unknownCommands(text),
  ]) {
    faults += 1;
    console.error(`${relative(root, page)}: ${fault}`);
  }
}
console.log(`${pages.length} pages, ${faults} faults`);
process.exitCode = faults === 0 ? 0 : 1;
