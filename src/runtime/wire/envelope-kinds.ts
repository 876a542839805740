/** The numbers of envelope kinds on the wire. A number is never used again for another kind. */
export const kindAsk = 1;
export const kindTell = 2;
export const kindReply = 3;
export const kindRefusal = 4;
export const kindCancel = 5;
export const kindSubscribe = 6;
export const kindCredit = 7;
export const kindItem = 8;
export const kindEnd = 9;
export const kindWatch = 10;
export const kindUnwatch = 11;
export const kindTerminated = 12;
export const kindPing = 13;
export const kindPong = 14;

/** Bits of the flags byte. The others are free and ignored by this version. */
export const flagTrace = 1;
export const flagSampled = 2;
export const flagRemaining = 4;
export const flagFailed = 8;

export const targetActor = 0;
export const targetNamed = 1;
export const targetVirtual = 2;

export const traceIdBytes = 16;
export const spanIdBytes = 8;
