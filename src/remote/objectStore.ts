import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type * as sdk from "@aws-sdk/client-s3";
import type { MediaStorageProviderConfigConfig } from "../config/types.generated";

type BucketConfig = MediaStorageProviderConfigConfig & { readonly bucket: string };
type S3 = typeof sdk;

/** Files in a bucket of a server that speaks S3. Keys are paths with `/`. */
export interface ObjectStore {
  /** Sends a file while it is read. */
  put(key: string, file: string): Promise<void>;
  /** Writes an object to a new file while it comes. False where there is none. */
  get(key: string, file: string): Promise<boolean>;
  remove(key: string): Promise<void>;
}

const CONNECT_MS = 10_000;
/** Without a byte. */
const IDLE_MS = 60_000;
const DEFAULT_CONNECTIONS = 40;

/**
 * A bucket as `synapse-s3-storage-provider` is configured for it, with the same keys of objects, so that a bucket it filled is read on.
 * Credentials that are not configured come from where the S3 tools look for them: environment, shared files, the machine's role.
 */
export function createObjectStore(config: BucketConfig): ObjectStore {
  const { bucket, prefix = "", storage_class: storageClass = "STANDARD", sse_customer_key: sseKey } = config;
  const secret = sseKey === undefined ? {} : { SSECustomerKey: sseKey, SSECustomerAlgorithm: config.sse_customer_algo ?? "AES256" };
  const start = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const at = (key: string) => ({ Bucket: bucket, Key: start + key });

  // The library is large: only who has a bucket loads it.
  let loaded: Promise<{ readonly s3: S3; readonly client: sdk.S3Client }> | undefined;
  const open = () => (loaded ??= import("@aws-sdk/client-s3").then((s3) => ({ s3, client: newClient(s3, config) })));

  return {
    async put(key, file) {
      const { s3, client } = await open();
      const { size } = await stat(file);
      const put = { ...at(key), ...secret, StorageClass: storageClass as never, Body: createReadStream(file), ContentLength: size };
      await client.send(new s3.PutObjectCommand(put));
    },
    async get(key, file) {
      const { s3, client } = await open();
      try {
        const { Body } = await client.send(new s3.GetObjectCommand({ ...at(key), ...secret }));
        await pipeline(Body as Readable, createWriteStream(file, { flags: "wx" }));
        return true;
      } catch (error) {
        if (error instanceof s3.NoSuchKey) return false;
        throw error;
      }
    },
    async remove(key) {
      const { s3, client } = await open();
      await client.send(new s3.DeleteObjectCommand(at(key)));
    },
  };
}

function newClient({ S3Client: Client }: S3, config: BucketConfig): sdk.S3Client {
  const { region_name: region, endpoint_url: endpoint, access_key_id: accessKeyId, secret_access_key: secretAccessKey } = config;
  const { session_token: sessionToken, threadpool_size: maxSockets = DEFAULT_CONNECTIONS } = config;
  return new Client({
    // Servers other than Amazon's mostly know buckets by path only, and no region, but signatures need one.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    region: region ?? process.env["AWS_REGION"] ?? "us-east-1",
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
    // Many of them don't know checksums after the body either.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: IDLE_MS, httpAgent: { maxSockets }, httpsAgent: { maxSockets } },
  });
}
