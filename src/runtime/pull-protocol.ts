import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ActorRef } from './actor-ref.ts';
import type { AskClient } from './client.ts';
import type {
  ErrorOf,
  InputOf,
  Protocol,
  ReplyOf,
  RequestDefinition,
  SignalDefinition,
} from './definition.ts';
import { protocol, request, signal } from './protocol.ts';
import type { Schema } from './schema.ts';

/** The names of a protocol's requests. */
export type RequestName<P extends Protocol> = keyof AskClient<P> & keyof P['messages'] & string;

/** What a pull router understands, for workers of protocol P that answer the request K. */
export type PullProtocol<P extends Protocol, K extends RequestName<P>> = Protocol<{
  /** One piece of work; MAILBOX_FULL when as many wait as may. What the worker answers is the answer. */
  readonly work: RequestDefinition<
    InputOf<P['messages'][K]>,
    ReplyOf<P['messages'][K]>,
    Extract<ErrorOf<P['messages'][K]>, ErrorCode> | 'MAILBOX_FULL'
  >;
  /** Answers how many workers there are; one that is there already counts once. */
  readonly addWorker: RequestDefinition<ActorRef<P>, number, 'NODE_LIMIT'>;
  /** The worker gets nothing new; what it has is answered. */
  readonly removeWorker: SignalDefinition<ActorRef<P>>;
}>;

/** One worker of a pull router. */
export class PullWorker {
  ref: ActorRef;
  /** Pieces that it was given and whose credit has not come back. */
  taken = 0;
  leaving = false;
  unwatch: () => void = () => undefined;

  constructor(ref: ActorRef) {
    this.ref = ref;
  }
}

/** As PullProtocol, with what the router tells itself. */
export type PullMessages = ReturnType<typeof pullMessages>;

export function pullMessages(workers: Protocol, requestName: string) {
  const definition = workers.messages[requestName];
  if (definition?.kind !== 'request') {
    throw new LoomError('INVALID_DEFINITION', `${workers.name}.${requestName} is no request`);
  }
  const reference = local<ActorRef>(
    'a reference',
    (value) => typeof value === 'object' && 'postAsk' in value,
  );
  const worker = local<PullWorker>('a worker', (value) => value instanceof PullWorker);
  return protocol('pull-router', {
    work: request({
      in: definition.in,
      out: definition.out,
      errors: [...definition.errors, 'MAILBOX_FULL'],
      priority: definition.priority,
    }),
    addWorker: request({ in: reference, out: count, errors: ['NODE_LIMIT'], priority: true }),
    removeWorker: signal({ in: reference, priority: true }),
    pieceEnded: signal({ in: worker, priority: true }),
    workerEnded: signal({ in: worker, priority: true }),
  });
}

const count: Schema<number> = local('a number', (value) => typeof value === 'number');

/** Takes only what `fits`: a reference or a worker never comes over the wire. */
function local<T>(kind: string, fits: (value: NonNullable<unknown>) => boolean): Schema<T> {
  const validate: Schema<T>['~standard']['validate'] = (value) =>
    value !== null && value !== undefined && fits(value)
      ? { value: value as T }
      : { issues: [{ message: `is not ${kind}` }] };
  return { '~standard': { version: 1, vendor: 'loom', validate } };
}
