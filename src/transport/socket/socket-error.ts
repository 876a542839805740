import type { ErrorCode } from '../../ports/error-table.ts';
import { LoomError } from '../../ports/loom-error.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'SOCKET_IN_USE',
  EACCES: 'SOCKET_DENIED',
  EPERM: 'SOCKET_DENIED',
  ENOENT: 'SOCKET_UNREACHABLE',
  ENOTDIR: 'SOCKET_UNREACHABLE',
  ECONNREFUSED: 'SOCKET_UNREACHABLE',
  ENOTSOCK: 'SOCKET_UNREACHABLE',
};

/** What the operating system says about a socket, as a coded error. */
export function socketError(error: NodeJS.ErrnoException, path: string): LoomError {
  const code = codes[error.code ?? ''] ?? 'SOCKET_BROKEN';
  return new LoomError(code, `${path} (${error.code ?? error.message})`, { cause: error, details: { path } });
}
