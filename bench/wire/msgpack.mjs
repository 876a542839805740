/** @msgpack/msgpack with an encoder and a decoder that are used again, its fastest way. */
import { Decoder, Encoder } from '@msgpack/msgpack';
import { main, perSecond } from '../local/pace.mjs';
import { batches, body } from './body.mjs';

const encoder = new Encoder();
const decoder = new Decoder();
const bytes = encoder.encode(body);
const encode = () => encoder.encodeSharedRef(body);

await main({
  bytes: async () => bytes.length,
  encode: () => perSecond(batches(encode)),
  decode: () => perSecond(batches(() => decoder.decode(bytes))),
  'encode-decode': () => perSecond(batches(() => decoder.decode(encode()))),
});
