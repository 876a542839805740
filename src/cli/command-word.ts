/** How the reader would type a command of Loom: npm runs it by another name than the shell finds. */
export function commandWord(environment: Readonly<Record<string, string | undefined>>): string {
  return environment['npm_lifecycle_event'] === undefined ? 'loom' : 'npx loom';
}

/** A path or name as a shell takes it, quoted only when it has to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
