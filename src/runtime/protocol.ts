import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import { clientClasses } from './client.ts';
import type {
  Messages,
  Protocol,
  RequestDefinition,
  SignalDefinition,
  SubscriptionDefinition,
} from './definition.ts';
import { refuseAsyncSchema, type Schema } from './schema.ts';

/** Defines a request. `priority` messages are handled before all others in the mailbox. */
export function request<In, Out, const Code extends ErrorCode = never>(definition: {
  readonly in: Schema<In>;
  readonly out: Schema<Out>;
  readonly errors?: readonly Code[];
  readonly priority?: boolean;
}): RequestDefinition<In, Out, Code> {
  return {
    kind: 'request',
    in: definition.in,
    out: definition.out,
    errors: definition.errors ?? [],
    priority: definition.priority ?? false,
    name: '',
    protocolName: '',
  };
}

export function signal<In>(definition: {
  readonly in: Schema<In>;
  readonly priority?: boolean;
}): SignalDefinition<In> {
  return {
    kind: 'signal',
    in: definition.in,
    priority: definition.priority ?? false,
    name: '',
    protocolName: '',
  };
}

export function subscription<In, Item>(definition: {
  readonly in: Schema<In>;
  readonly item: Schema<Item>;
  readonly priority?: boolean;
}): SubscriptionDefinition<In, Item> {
  return {
    kind: 'subscription',
    in: definition.in,
    item: definition.item,
    priority: definition.priority ?? false,
    name: '',
    protocolName: '',
  };
}

const namePattern = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const reservedNames = new Set(['constructor', '__proto__', 'prototype', 'then']);

/** Makes a protocol. INVALID_DEFINITION for a bad name, an asynchronous schema, or a definition used twice. */
export function protocol<M extends Messages>(name: string, messages: M): Protocol<M> {
  if (!namePattern.test(name)) throw new LoomError('INVALID_DEFINITION', `"${name}" is no protocol name`);
  for (const [messageName, definition] of Object.entries(messages)) {
    const where = `${name}.${messageName}`;
    if (!namePattern.test(messageName) || reservedNames.has(messageName)) {
      throw new LoomError('INVALID_DEFINITION', `"${messageName}" is no message name (protocol ${name})`);
    }
    if (definition.protocolName !== '') {
      throw new LoomError(
        'INVALID_DEFINITION',
        `${where} is already ${definition.protocolName}.${definition.name}`,
      );
    }
    refuseAsyncSchema(definition.in, where);
    if (definition.kind === 'request') refuseAsyncSchema(definition.out, `${where} (reply)`);
    if (definition.kind === 'subscription') refuseAsyncSchema(definition.item, `${where} (item)`);
    definition.name = messageName;
    definition.protocolName = name;
  }
  return Object.freeze({ name, messages: Object.freeze(messages), clients: clientClasses(messages) });
}
