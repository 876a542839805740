import { LoomError } from '../../ports/loom-error.ts';
import { maxFrameBytes } from '../../ports/transport.ts';

/**
 * What travels on a local socket: packets of
 *
 *   length of what follows (u32, little-endian) · kind (u8) · length of the name (u8) · name (UTF-8) · content
 *
 * - `hello`: the client's node; content is the magic word and the version. First on every connection, and once.
 * - `welcome`: the answer. `refused`: the answer in place of it; content is an error code, a space and the detail.
 * - `frame`: the name is the receiver on the way to the hub, and the sender on the way from it.
 * - `gone`: the named node cannot be reached (any longer).
 */
export interface Packet {
  readonly kind: PacketKind;
  readonly name: string;
  readonly content: Uint8Array;
}

export type PacketKind = 'hello' | 'welcome' | 'refused' | 'frame' | 'gone';

const kinds: readonly PacketKind[] = ['hello', 'welcome', 'refused', 'frame', 'gone'];

/** Bytes of a node's name, at most. */
export const maxNameBytes = 255;
const lengthBytes = 4;
const headBytes = 2;
const maxPacketBytes = headBytes + maxNameBytes + maxFrameBytes;

const noContent = new Uint8Array(0);
const magic = 'LOOM';
const version = 1;

/** The content of a hello. */
export function helloContent(): Uint8Array {
  return Buffer.from([...Buffer.from(magic, 'latin1'), version]);
}

/** Why a hello cannot be answered with welcome, or undefined when it can. */
export function helloRefusal(packet: Packet): string | undefined {
  const { content } = packet;
  const word = Buffer.from(content.buffer, content.byteOffset, Math.min(4, content.length)).toString(
    'latin1',
  );
  if (packet.kind !== 'hello' || word !== magic) return 'the connection did not begin with a hello';
  if (content[4] !== version) return `the hello is of version ${content[4]}, this end speaks ${version}`;
  return packet.name === '' ? 'the hello names no node' : undefined;
}

/** The bytes of a packet up to its content, which follows without a copy. */
export function packetHead(kind: PacketKind, name: string, contentBytes: number): Uint8Array {
  const nameBytes = Buffer.from(name, 'utf8');
  if (nameBytes.length > maxNameBytes) {
    throw new LoomError('INVALID_DEFINITION', `the node’s name is longer than ${maxNameBytes} bytes`);
  }
  const bytes = Buffer.alloc(lengthBytes + headBytes + nameBytes.length);
  bytes.writeUInt32LE(headBytes + nameBytes.length + contentBytes);
  bytes[lengthBytes] = kinds.indexOf(kind);
  bytes[lengthBytes + 1] = nameBytes.length;
  bytes.set(nameBytes, lengthBytes + headBytes);
  return bytes;
}

/** Cuts a stream of bytes into packets, however it was chunked. Memory is bounded by one packet. */
export class PacketReader {
  readonly #length: Uint8Array = new Uint8Array(lengthBytes);
  #lengthFilled = 0;
  #packet: Uint8Array | undefined = undefined;
  #packetFilled = 0;

  /** FRAME_TOO_LARGE or FRAME_MALFORMED when the stream is no stream of packets; it must be dropped then. */
  *read(chunk: Uint8Array): Generator<Packet, void, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#packet === undefined) {
        const taken = Math.min(lengthBytes - this.#lengthFilled, chunk.length - at);
        this.#length.set(chunk.subarray(at, at + taken), this.#lengthFilled);
        this.#lengthFilled += taken;
        at += taken;
        if (this.#lengthFilled < lengthBytes) return;
        this.#lengthFilled = 0;
        const size = packetSize(this.#length);
        if (size <= chunk.length - at) {
          // Whole within the chunk: no copy. The chunk is this stream's own and is not used again.
          yield parsePacket(new Uint8Array(chunk.buffer, chunk.byteOffset + at, size));
          at += size;
          continue;
        }
        this.#packet = new Uint8Array(size);
        this.#packetFilled = 0;
      }
      const packet = this.#packet;
      const taken = Math.min(packet.length - this.#packetFilled, chunk.length - at);
      packet.set(chunk.subarray(at, at + taken), this.#packetFilled);
      this.#packetFilled += taken;
      at += taken;
      if (this.#packetFilled < packet.length) return;
      this.#packet = undefined;
      yield parsePacket(packet);
    }
  }
}

function packetSize(length: Uint8Array): number {
  const size = new DataView(length.buffer, length.byteOffset).getUint32(0, true);
  if (size > maxPacketBytes) {
    throw new LoomError('FRAME_TOO_LARGE', `a packet of ${size} bytes was announced on the socket`);
  }
  if (size < headBytes) throw new LoomError('FRAME_MALFORMED', 'a packet on the socket has no head');
  return size;
}

function parsePacket(bytes: Uint8Array): Packet {
  const kind = kinds[bytes[0] as number];
  const contentStart = headBytes + (bytes[1] as number);
  if (kind === undefined || contentStart > bytes.length) {
    throw new LoomError('FRAME_MALFORMED', 'a packet on the socket does not decode');
  }
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + headBytes, contentStart - headBytes).toString(
    'utf8',
  );
  const content = contentStart === bytes.length ? noContent : bytes.subarray(contentStart);
  return { kind, name, content };
}
