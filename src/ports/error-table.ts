/**
 * Every error that Loom gives a name: its sentence, whether the same call may succeed later without a change, what
 * the reader should do next, and the exit code of the command line when a command ends with it.
 * `docs/errors.md` is held equal to this table by a test.
 */
export interface ErrorRow {
  readonly sentence: string;
  readonly retryable: boolean;
  readonly remedy: string;
  readonly exitCode: number;
}

function row(sentence: string, retryable: boolean, remedy: string, exitCode = 1): ErrorRow {
  return Object.freeze({ sentence, retryable, remedy, exitCode });
}

const rows = {
  // Engine
  MAILBOX_FULL: row(
    'The actor’s mailbox has no room.',
    true,
    'Slow down, retry with backoff, or raise the behaviour’s mailbox capacity.',
  ),
  NO_SUCH_ACTOR: row(
    'No actor lives at this address.',
    false,
    'Check the reference; a stopped actor’s address is never used again.',
    5,
  ),
  ACTOR_STOPPED: row(
    'The actor stopped before it took the message.',
    false,
    'Watch the actor, or ask through a virtual actor reference.',
  ),
  HANDLER_FAILED: row(
    'The actor’s handler threw.',
    false,
    'See the cause in the log under the same trace id.',
  ),
  DEADLINE_EXCEEDED: row(
    'The call’s deadline passed before a reply came.',
    true,
    'Give the call more time, or find what is slow with `loom status`.',
    6,
  ),
  CANCELLED: row('The caller cancelled the call.', false, 'Nothing to do: the caller wished it.', 130),
  CALL_CYCLE: row(
    'The call would wait for itself: the target is already waiting in this call chain.',
    false,
    'Send a signal in place of the ask, or reply before asking back.',
  ),
  NODE_LOST: row(
    'The node that the message was sent to is gone.',
    true,
    'Retry: a virtual actor starts again on another node.',
    3,
  ),
  NODE_UNREACHABLE: row(
    'No link to the node is up.',
    true,
    'Check the network between the nodes with `loom status`.',
    3,
  ),
  UNKNOWN_OUTCOME: row(
    'The call was cut off before its answer: it may or may not have been carried out.',
    false,
    'Ask for the state, or repeat the call if it is idempotent.',
  ),
  STALE_INCARNATION: row(
    'A port was used by code of an incarnation that has ended.',
    false,
    'Await all work inside the handler, or hand it to ctx.pipe.',
  ),
  LEASE_LOST: row('The node no longer owns the key.', true, 'Retry: the router finds the new owner.'),
  FENCED: row(
    'A newer owner has written: this token is too old.',
    false,
    'Nothing to do: the newer owner goes on.',
  ),
  STASH_FULL: row('The actor’s stash has no room.', true, 'Unstash earlier or raise the stash capacity.'),
  NODE_DRAINING: row(
    'The node takes no new work: it is draining.',
    true,
    'Retry: the router finds another node.',
  ),
  NODE_LIMIT: row(
    'The node holds as many actors or calls as it may.',
    true,
    'Stop idle actors, or raise the limit in the node’s options.',
  ),
  NODE_FAILED: row(
    'A node failed again and again in a way that nothing handles, and the process ended.',
    false,
    'Report it with the log; the data that was acknowledged is kept.',
    70,
  ),
  INVALID_MESSAGE: row(
    'The message does not fit its schema.',
    false,
    'Correct the field that the message names.',
    2,
  ),
  UNKNOWN_MESSAGE: row(
    'The protocol has no such message.',
    false,
    'Check that both nodes run the same version of the protocol.',
  ),
  INVALID_DEFINITION: row(
    'The protocol or behaviour is not defined well.',
    false,
    'Correct the definition that the message names.',
    2,
  ),
  PASSIVATED: row(
    'The virtual actor is asleep and may not start again before its backoff ends.',
    true,
    'Retry after the time that the message names.',
  ),
  NO_OWNER: row(
    'No node owns the key at present.',
    true,
    'Retry: ownership moves when the old lease ends.',
    3,
  ),
  BUFFER_FULL: row('Too many messages wait for the new owner of a key.', true, 'Retry with backoff.'),
  INTERNAL: row(
    'Something happened that should not have.',
    false,
    'Report it with the log and the trace id.',
  ),
  // Wire and links
  FRAME_TOO_LARGE: row(
    'The message is larger than a frame may be.',
    false,
    'Send a claim check: store the bytes as an object and send its hash.',
    2,
  ),
  FRAME_MALFORMED: row(
    'Bytes from the network do not decode.',
    false,
    'Check that both ends run compatible versions.',
  ),
  WIRE_VERSION: row('The peer speaks a newer wire version.', false, 'Upgrade this node.'),
  LINK_FULL: row(
    'The link’s credit window to the peer is used up.',
    true,
    'Retry with backoff: the peer is slower than the sender.',
  ),
  // Local socket
  SOCKET_PATH_TOO_LONG: row(
    'The path of the socket is longer than the operating system takes.',
    false,
    'Choose a data folder with a shorter path: the socket’s path must stay under 104 bytes.',
    2,
  ),
  SOCKET_UNREACHABLE: row(
    'Nothing answers at the socket.',
    true,
    'Start `loom dev` or a node with this data folder.',
    3,
  ),
  SOCKET_IN_USE: row(
    'Something stands at the path of the socket already.',
    false,
    'Stop the process that listens there, or remove the file if none does.',
  ),
  SOCKET_DENIED: row(
    'The operating system refused access to the socket.',
    false,
    'Use the account that started the node: its socket is for its owner alone.',
    4,
  ),
  SOCKET_REFUSED: row(
    'The other end of the socket refused the connection.',
    false,
    'Check that both ends run compatible versions, and that the name of the node is not in use.',
  ),
  SOCKET_BROKEN: row('The connection of the socket broke.', true, 'Connect again.', 3),
  SLOW_READER: row(
    'The other end reads more slowly than frames come: its connection was dropped.',
    true,
    'Connect again; if it repeats, find what keeps the reader busy.',
  ),
  // Disk
  DISK_NOT_FOUND: row('The file or folder does not exist.', false, 'Check the path.', 5),
  DISK_EXISTS: row('The file exists already.', false, 'Choose another name.'),
  DISK_FULL: row(
    'The disk is full.',
    true,
    'Free space on the volume: reads go on, writes resume by themselves.',
  ),
  DISK_DENIED: row(
    'The operating system refused access to the path.',
    false,
    'Check the owner and mode of the path.',
    4,
  ),
  DISK_IO: row('The disk failed.', false, 'Check the volume and the kernel log.'),
  DISK_NOT_A_FILE: row('The path is not a regular file.', false, 'Give the path of a regular file.', 2),
  DISK_CLOSED: row('The file was used after it was closed.', false, 'Report it: this is a mistake in Loom.'),
  JOURNAL_CORRUPT: row(
    'A journal record before the tail does not verify.',
    false,
    'Restore the folder from a copy, or remove it so that the node joins as new.',
  ),
  JOURNAL_STOPPED: row(
    'The journal stopped after a failed sync.',
    false,
    'Check the disk and restart the node: it starts again from what the disk holds.',
  ),
  JOURNAL_FULL: row(
    'Too many records wait for the disk.',
    true,
    'Retry with backoff: the disk is slower than the writers.',
  ),
  JOURNAL_LIMIT: row('A record is not one that the journal takes.', false, 'Split the record.'),
  STORE_STOPPED: row(
    'The chunk store takes no writes after a failed sync.',
    false,
    'Check the disk and restart the node: it starts again from what the disk holds; reads go on.',
  ),
  // Bulk plane
  BULK_TICKET_UNKNOWN: row(
    'The chunk is no longer offered under this ticket.',
    true,
    'Nothing to do: the coordinator gives a new attempt.',
  ),
  BULK_PEER_GONE: row(
    'The node that offered the chunk is gone.',
    true,
    'Nothing to do: the coordinator gives a new attempt.',
    3,
  ),
  CHUNK_NOT_FOUND: row(
    'The store does not hold this chunk or object.',
    false,
    'Nothing to do: another copy is read.',
    5,
  ),
  CHECKSUM_MISMATCH: row(
    'Bytes do not match their checksum.',
    true,
    'Nothing to do: another copy is read and the bad one is reported.',
  ),
  // Placement
  TOO_FEW_NODES: row(
    'Fewer nodes can take the chunk than it needs replicas.',
    false,
    'Start more nodes, free space on them, or ask for fewer replicas with `--replicas`.',
  ),
  TOO_FEW_CLOUDS: row(
    'The nodes that can take the chunk lie in fewer clouds than it needs.',
    false,
    'Start a node in another cloud, or mend the link to it.',
  ),
  // Pipeline
  ALREADY_EXISTS: row(
    'A data set of this name exists or is being ingested.',
    false,
    'Choose another name with --name.',
  ),
  INVALID_NAME: row(
    'The name cannot name a data set.',
    false,
    'Use 1 to 200 bytes of text without “/”, “..” or control characters.',
    2,
  ),
  SOURCE_NOT_A_FILE: row('The source is not a regular file.', false, 'Give the path of a regular file.', 2),
  SOURCE_CHANGED: row(
    'The source changed while it was read.',
    false,
    'Ingest it again when nothing writes to it.',
  ),
  SOURCE_UNREACHABLE: row(
    'The node that holds the source is away.',
    true,
    'Start the node again: the job goes on by itself.',
    3,
  ),
  NO_SUCH_JOB: row('There is no such job.', false, 'List the jobs with `loom ls`.', 5),
  NO_SUCH_DATASET: row('There is no data set of this name.', false, 'List the data sets with `loom ls`.', 5),
  NO_SUCH_CHUNK: row(
    'The keeper does not have this chunk or object.',
    true,
    'Nothing to do: another copy is read.',
    5,
  ),
  NO_SUCH_STAGE: row(
    'The keeper holds no staged bytes under this name.',
    true,
    'Nothing to do: the coordinator gives a new attempt.',
  ),
  KEEPER_BUSY: row(
    'The keeper has as many transfers under way as it may.',
    true,
    'Nothing to do: the worker tries again.',
  ),
  NO_ELIGIBLE_NODE: row(
    'No node can take this chunk.',
    true,
    'Start more nodes, then replay the quarantine.',
  ),
  UNREADABLE: row(
    'No copy of a chunk can be read.',
    true,
    'Start the nodes that hold its copies and try again.',
  ),
  // Registry
  REGISTRY_UNREACHABLE: row(
    'The registry does not answer.',
    true,
    'Check that the registry runs and can be reached.',
    3,
  ),
  REGISTRY_LIMIT: row(
    'A key, value or transaction is larger than the registry takes.',
    false,
    'Split the value.',
  ),
  EPOCH_ENDED: row(
    'The registry has ended this node’s epoch.',
    false,
    'Nothing to do: the node joins again under a new epoch.',
  ),
  // Command line, settings and the data folder
  INVALID_OPTION: row(
    'An option, argument or setting has a value that Loom does not take.',
    false,
    'Correct the value that the message names; `loom config explain` shows every setting and where it comes from.',
    2,
  ),
  UNKNOWN_OPTION: row(
    'The command has no such option or setting.',
    false,
    'Run the command with --help to see its options.',
    2,
  ),
  UNKNOWN_COMMAND: row('There is no such command.', false, 'Run `loom --help` to see the commands.', 2),
  MISSING_ARGUMENT: row(
    'The command needs an argument that was not given.',
    false,
    'Run the command with --help to see its arguments.',
    2,
  ),
  EXCESS_ARGUMENT: row(
    'The command was given more arguments than it takes.',
    false,
    'Quote names with spaces; run the command with --help to see its arguments.',
    2,
  ),
  TOO_LITTLE_SPACE: row(
    'The volume has less free space than this needs.',
    true,
    'Free space on the volume, choose another one (TMPDIR, --data-dir), or use less with --size.',
  ),
  NOT_RUNNING: row(
    'No Loom serves this data folder.',
    true,
    'Start one with `loom dev`, or name the folder of a running one with --data-dir.',
    3,
  ),
  FOLDER_HELD: row(
    'Another Loom process holds this data folder.',
    true,
    'Stop that process, or choose another folder with --data-dir.',
  ),
  FOLDER_FOREIGN: row(
    'The folder holds something that Loom did not make, or that it cannot read.',
    false,
    'Choose an empty or new folder with --data-dir.',
  ),
  DATA_VERSION: row(
    'The data folder was written by a newer Loom.',
    false,
    'Upgrade Loom, or choose another folder with --data-dir.',
  ),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof rows;

export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = Object.freeze(rows);

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(rows, text);
}
