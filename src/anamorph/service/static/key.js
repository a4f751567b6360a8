// Key files, and revealing sealed pictures, in the browser: the same formats as anamorph.keys.

const KEY_MAGIC = "AMKEY";
const SEAL_MAGIC = "ANAMORPH";
const HEADER_BITS = 512;
const utf8 = new TextEncoder();

/** What goes wrong with a key or a hidden picture, in words for people. */
export class KeyProblem extends Error {}

/** Whether keys can be used here: browsers keep cryptography to https and to this machine. */
export const usable = () => window.isSecureContext && Boolean(crypto.subtle);

const latin = (bytes) => String.fromCharCode(...bytes);
const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
const grouped = (bytes) => hex(bytes).match(/.{4}/g).join("-");

async function hkdf(secret, salt, info, size) {
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt, info: utf8.encode(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(how, base, size * 8));
}

const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

function joined(...parts) {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The key in a file: its kind, fingerprint and, if it is not locked, its secret. */
export async function readKey(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const damaged = new KeyProblem("This is no key file, or a damaged one.");
  if (bytes.length < 8 || latin(bytes.subarray(0, 5)) !== KEY_MAGIC || bytes[5] !== 1) throw damaged;
  const end = 8 + bytes[6] * 256 + bytes[7];
  let header;
  try {
    header = JSON.parse(latin(bytes.subarray(8, end)));
  } catch {
    throw damaged;
  }
  const key = { kind: header.kind, fingerprint: header.fingerprint, secret: null, file: blob };
  if (header.lock) return key;
  const sum = await sha256(bytes.subarray(0, -32));
  if (hex(sum) !== hex(bytes.subarray(-32))) throw damaged;
  return { ...key, secret: bytes.slice(end, -32) };
}

/** A new sealed key, as a file. */
export async function newKey() {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const fingerprint = grouped(await hkdf(secret, new Uint8Array(), "anamorph/1/fingerprint/sealed", 10));
  const created = `${new Date().toISOString().slice(0, 19)}Z`;
  const header = utf8.encode(JSON.stringify({ created, fingerprint, kind: "sealed", lock: null }));
  const size = new Uint8Array([1, header.length >> 8, header.length & 255]);
  const body = joined(utf8.encode(KEY_MAGIC), size, header, secret);
  return new Blob([body, await sha256(body)], { type: "application/octet-stream" });
}

/** The values of a picture as its file stores them: red, green, blue, row by row. */
async function valuesOf(blob) {
  const how = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(blob, how).catch(() => {
    throw new KeyProblem("This browser cannot open the picture.");
  });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const values = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    values[to++] = data[from];
    values[to++] = data[from + 1];
    values[to++] = data[from + 2];
  }
  return { values, width: bitmap.width, height: bitmap.height };
}

/** `size` bytes from the `bits` low bits of values, most significant bit first. */
function bytesIn(values, bits, size) {
  const out = new Uint8Array(size);
  let held = 0;
  let have = 0;
  for (let from = 0, to = 0; to < size; from++) {
    held = ((held << bits) | (values[from] & ((1 << bits) - 1))) & 0xfffff;
    have += bits;
    if (have >= 8) {
      have -= 8;
      out[to++] = (held >> have) & 255;
    }
  }
  return out;
}

function headerIn(raw) {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  return {
    version: raw[8],
    bits: raw[10],
    height: view.getUint32(12),
    width: view.getUint32(16),
    size: Number(view.getBigUint64(20)),
    fingerprint: grouped(raw.subarray(28, 38)),
  };
}

/** What is sealed in a hidden picture, or null if it was hidden in another way. */
export async function reveal(blob, key) {
  const { values, width, height } = await valuesOf(blob);
  if (values.length < HEADER_BITS) return null;
  const raw = bytesIn(values, 1, HEADER_BITS / 8);
  if (latin(raw.subarray(0, 8)) !== SEAL_MAGIC) return null;
  const header = headerIn(raw);
  const rest = values.subarray(HEADER_BITS);
  if (header.version !== 1) throw new KeyProblem("It was hidden by a newer anamorph.");
  if (header.width !== width || header.height !== height || header.size * 8 > rest.length * header.bits)
    throw new KeyProblem("It was cropped or edited since it was hidden.");
  if (key.fingerprint !== header.fingerprint)
    throw new KeyProblem(`It was hidden with the key ${header.fingerprint}, and this is ${key.fingerprint}.`);
  const sealed = bytesIn(rest, header.bits, header.size);
  const inside = await opened(sealed, key.secret, raw);
  const length = Number(new DataView(inside.buffer).getBigUint64(0));
  const plain = inside.subarray(8, 8 + length);
  const nameEnd = 2 + plain[0] * 256 + plain[1];
  const path = new TextDecoder().decode(plain.subarray(2, nameEnd));
  return { name: path.split("/").pop() || "revealed", blob: new Blob([plain.subarray(nameEnd)]) };
}

async function opened(sealed, secret, header) {
  const subkey = await hkdf(secret, sealed.subarray(0, 16), "anamorph/1/sealed/seal", 32);
  const aes = await crypto.subtle.importKey("raw", subkey, "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: header };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(how, aes, sealed.subarray(16)));
  } catch {
    throw new KeyProblem("It was changed since it was hidden: its seal is broken.");
  }
}
