import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { EncryptedFile } from "matrix-js-sdk/lib/@types/media";
import type { CryptoUser } from "./cryptoUser";

/** Encrypts and uploads as the specification says ("Sending encrypted attachments"), and gives what goes into the event. */
export async function uploadEncrypted({ client }: CryptoUser, data: Buffer): Promise<EncryptedFile> {
  const key = randomBytes(32);
  // the counter is the lower half and begins at 0
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const encrypted = Buffer.concat([cipher.update(data), cipher.final()]);
  const { content_uri: url } = await client.uploadContent(encrypted, { type: "application/octet-stream", includeFilename: false });
  return {
    url,
    key: { alg: "A256CTR", key_ops: ["encrypt", "decrypt"], kty: "oct", k: key.toString("base64url"), ext: true },
    iv: unpadded(iv),
    hashes: { sha256: unpadded(createHash("sha256").update(encrypted).digest()) },
    v: "v2",
  };
}

export async function downloadEncrypted(user: CryptoUser, { url, key, iv, hashes }: EncryptedFile): Promise<Buffer> {
  const encrypted = await download(user, url);
  expect(unpadded(createHash("sha256").update(encrypted).digest())).toBe(hashes["sha256"]);
  const decipher = createDecipheriv("aes-256-ctr", Buffer.from(key.k, "base64url"), Buffer.from(iv, "base64"));
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

/** What a client shows of a file that is not encrypted, in the size that it wants. */
export function downloadThumbnail(user: CryptoUser, url: string, size: number): Promise<Buffer> {
  return download(user, url, size);
}

async function download({ client }: CryptoUser, url: string, size?: number): Promise<Buffer> {
  const address = client.mxcUrlToHttp(url, size, size, size === undefined ? undefined : "scale", false, true, true);
  const headers = { authorization: `Bearer ${client.getAccessToken()}` };
  const response = await fetch(address ?? "", { headers });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
