"use strict";
// Unpacks a zip from memory into a folder; refuses what it does not know rather than guessing.

const fs = require("node:fs");
const path = require("node:path");
const zlib = require("node:zlib");

const END = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const ENCRYPTED = 0x0001;
const UTF8 = 0x0800;
const STORED = 0;
const DEFLATED = 8;
const IN_ZIP64 = 0xffffffff;

/** Unpack every entry below `root`, keeping the executable bits; throws an Error that names what is wrong. */
function unzip(zip, root) {
  for (const entry of entries(zip)) {
    const target = path.join(root, entry.name);
    if (entry.name.split("/").includes("..")) throw new Error(`entry ${entry.name} leads out of the folder`);
    if (entry.name.endsWith("/")) {
      fs.mkdirSync(target, { recursive: true });
    } else {
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, content(zip, entry));
      fs.chmodSync(target, entry.executable ? 0o755 : 0o644); // the file may be an earlier layer's, with its mode
    }
  }
}

/** Give what the central directory says about each entry; the local headers may say less, and are not asked. */
function* entries(zip) {
  const end = findEnd(zip);
  const count = zip.readUInt16LE(end + 10);
  const start = zip.readUInt32LE(end + 16);
  const shift = end - zip.readUInt32LE(end + 12) - start; // bytes before the zip, as in a self-extracting one
  if (start === IN_ZIP64 || shift < 0) throw new Error("its directory is not where it says");
  let at = start + shift;
  for (let n = 0; n < count; n++) {
    if (zip.readUInt32LE(at) !== ENTRY) throw new Error("its directory is damaged");
    const nameBytes = zip.readUInt16LE(at + 28);
    yield entryAt(zip, at, nameBytes, shift);
    at += ENTRY_BYTES + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}

function entryAt(zip, at, nameBytes, shift) {
  const flags = zip.readUInt16LE(at + 8);
  const mode = zip.readUInt32LE(at + 38) >>> 16;
  return {
    name: zip.toString(flags & UTF8 ? "utf8" : "latin1", at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes),
    encrypted: Boolean(flags & ENCRYPTED),
    method: zip.readUInt16LE(at + 10),
    crc: zip.readUInt32LE(at + 16),
    packedBytes: zip.readUInt32LE(at + 20),
    bytes: zip.readUInt32LE(at + 24),
    header: zip.readUInt32LE(at + 42) + shift,
    executable: mode === 0 || Boolean(mode & 0o111), // without any modes every file may be a program
  };
}

/** Find the end record: it comes last, but for a comment of unknown length. */
function findEnd(zip) {
  const first = Math.max(0, zip.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = zip.length - END_BYTES; at >= first; at--) {
    if (zip.readUInt32LE(at) === END) return at;
  }
  throw new Error("it is not a zip");
}

/** Give an entry's bytes, exactly as many and exactly those that the directory promised. */
function content(zip, entry) {
  if (entry.encrypted) throw new Error(`entry ${entry.name} is encrypted`);
  if (zip.readUInt32LE(entry.header) !== LOCAL) throw new Error(`entry ${entry.name} is not where it should be`);
  const start = entry.header + LOCAL_BYTES + zip.readUInt16LE(entry.header + 26) + zip.readUInt16LE(entry.header + 28);
  const data = inflated(zip.subarray(start, start + entry.packedBytes), entry);
  if (data.length !== entry.bytes || zlib.crc32(data) !== entry.crc) throw new Error(`entry ${entry.name} is damaged`);
  return data;
}

function inflated(packed, entry) {
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED) throw new Error(`entry ${entry.name} is packed by method ${entry.method}`);
  // All in one piece, or the pieces and then the whole wait for a collection that a small sandbox has no room for; with
  // a byte to spare, or zlib makes a second piece as the first is full. A limit of 0 is none at all to zlib.
  const piece = Math.max(zlib.constants.Z_MIN_CHUNK, entry.bytes + 1);
  return zlib.inflateRawSync(packed, { chunkSize: piece, maxOutputLength: Math.max(1, entry.bytes) });
}

module.exports = { unzip };
