import { readFileSync } from 'node:fs';
import { systemCode } from './folder-fault.ts';

/**
 * When a process started, in a form that only compares for equality: the boot's id and the start in clock ticks.
 * Empty where the system does not say (macOS) and for a process that is not there.
 */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    // The second field is the program's name in brackets, which may hold blanks; the start is field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${boot} ${fields[19] ?? ''}`;
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(systemCode(error))) return '';
    throw error;
  }
}

/** Whether the process that noted `start` for itself still lives; a later one with its id does not count. */
export function livesSince(pid: number, start: string): boolean {
  const now = processStart(pid);
  if (start !== '' && now !== '' && now !== start) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives under another user.
    return systemCode(error) === 'EPERM';
  }
}
