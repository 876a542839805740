/**
 * The first byte of a value says what it is. Small values are in the tag itself:
 * 0x00-0x3f the integers 0 to 63, 0x40-0x5f a string of up to 31 bytes, 0x60-0x6f an array of up to 15 items,
 * 0x70-0x7f an object of up to 15 fields, 0x80 and up the tags below; 0x8d and up are free.
 */
export const smallIntegers = 0x40;
export const shortString = 0x40;
export const shortStrings = 0x20;
export const shortArray = 0x60;
export const shortArrays = 0x10;
export const shortObject = 0x70;
export const shortObjects = 0x10;

export const tagUndefined = 0x80;
export const tagNull = 0x81;
export const tagFalse = 0x82;
export const tagTrue = 0x83;
/** varuint n, meaning n */
export const tagPositive = 0x84;
/** varuint n, meaning -n - 1 */
export const tagNegative = 0x85;
/** 8 bytes */
export const tagFloat64 = 0x86;
/** count of 8-byte words, then the words, lowest first */
export const tagBigPositive = 0x87;
/** as above, meaning the negated number */
export const tagBigNegative = 0x88;
/** varuint byte length, bytes */
export const tagString = 0x89;
export const tagBytes = 0x8a;
/** varuint count, then that many values */
export const tagArray = 0x8b;
/** varuint count, then that many pairs of string and value */
export const tagObject = 0x8c;

/** Arrays and objects within each other, at most. */
export const maxValueDepth: number = 64;
/** 1,024 bits. */
export const maxBigintWords: number = 16;
