/** Loom's codec, from its build: into a writer that is used again, as links do it. */
import { ByteWriter } from '../../dist/runtime/wire/byte-writer.js';
import { encodeToBytes, encodeValue } from '../../dist/runtime/wire/value.js';
import { decodeValue } from '../../dist/runtime/wire/value-decode.js';
import { main, perSecond } from '../local/pace.mjs';
import { batches, body } from './body.mjs';

const bytes = encodeToBytes(body);
const writer = new ByteWriter(1024);

function encode() {
  writer.truncate();
  encodeValue(body, writer);
  return writer.view();
}

await main({
  bytes: async () => bytes.length,
  encode: () => perSecond(batches(encode)),
  decode: () => perSecond(batches(() => decodeValue(bytes))),
  'encode-decode': () => perSecond(batches(() => decodeValue(encode()))),
});
