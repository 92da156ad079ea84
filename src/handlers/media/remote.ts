import type { Readable } from "node:stream";
import { MatrixError, notFound, tooLarge } from "../../errors";
import { readerOf } from "../../lib/byteReader";
import { nameInDisposition } from "../../lib/contentDisposition";
import { LimiterFull } from "../../lib/limiter";
import { FederationDeniedError, FederationError } from "../../remote/federationErrors";
import { boundaryOf, secondPart } from "../../remote/multipart";
import { getMedia } from "../../storage/media";
import type { MediaRow, NewMedia } from "../../storage/media";
import type { MediaRequest } from "./find";
import type { MediaApp } from "./media";
import { cleanName, cleanType } from "./names";
import type { ReceivedFile } from "./receiveFile";
import { storeNew } from "./upload";

/** A file on its way from another server. */
interface Incoming {
  readonly body: AsyncIterable<Buffer>;
  readonly length: number | undefined;
  readonly contentType: string | undefined;
  readonly disposition: string | undefined;
  /** Ends it where it is not read to its end. */
  drop(): void;
}

type Wanted = Pick<MediaRequest, "origin" | "mediaId" | "timeoutMs" | "countedFor">;

const failed = (reason: string): MatrixError => new MatrixError(502, "M_UNKNOWN", `Failed to fetch remote media: ${reason}`);
const numberOf = (text: string | undefined): number | undefined => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined);

/** Copies media of another server to our store. Those who want the same at the same time share the copy. */
export function fetchRemoteMedia(app: MediaApp, wanted: Wanted): Promise<MediaRow> {
  const { fetching, remoteLimit } = app.media;
  const key = `${wanted.origin}/${wanted.mediaId}`;
  const running = fetching.get(key);
  if (running) return running;
  // Nothing of it may be charged to those whose budget is empty already.
  app.rateLimiter.check("remote_media_download", wanted.countedFor, { cost: 0 });
  const work = remoteLimit
    .run(() => copy(app, wanted))
    .catch((error: unknown) => {
      throw error instanceof LimiterFull ? failed("too many others are being fetched") : error;
    })
    .finally(() => fetching.delete(key));
  fetching.set(key, work);
  return work;
}

async function copy(app: MediaApp, wanted: Wanted): Promise<MediaRow> {
  const incoming = await openRemote(app, wanted).catch(explain);
  try {
    return await store(app, wanted, incoming);
  } finally {
    incoming.drop();
  }
}

async function store(app: MediaApp, wanted: Wanted, incoming: Incoming): Promise<MediaRow> {
  const { max_upload_size: maxBytes } = app.config;
  const { origin, mediaId, countedFor } = wanted;
  if ((incoming.length ?? 0) > maxBytes) throw remoteTooLarge();
  if (incoming.length !== undefined) app.rateLimiter.check("remote_media_download", countedFor, { cost: incoming.length });
  const file = await app.media.files.receive(readerOf(incoming.body), { maxBytes, length: incoming.length }).catch((error: unknown) => {
    if (error instanceof MatrixError) throw error.status === 413 ? remoteTooLarge() : error;
    throw failed(error instanceof Error ? error.message : String(error));
  });
  try {
    if (incoming.length === undefined) app.rateLimiter.record("remote_media_download", countedFor, { cost: file.length });
    await storeCopy(app, file, { origin, mediaId, incoming });
  } finally {
    await file.discard();
  }
  const row = await getMedia(app.db, { origin, mediaId });
  if (!row) throw notFound("Not found");
  return row;
}

const remoteTooLarge = (): MatrixError => {
  const { message, errcode } = tooLarge("The media is larger than this server takes");
  return new MatrixError(502, errcode, message);
};

async function storeCopy(
  app: MediaApp,
  file: ReceivedFile,
  { origin, mediaId, incoming }: { origin: string; mediaId: string; incoming: Incoming },
): Promise<void> {
  const { disposition } = incoming;
  const row: NewMedia = {
    origin,
    mediaId,
    userId: null,
    createdTs: app.clock.now(),
    mediaType: cleanType(incoming.contentType),
    length: file.length,
    uploadName: cleanName(disposition === undefined ? undefined : nameInDisposition(disposition)),
    filesystemId: app.media.newId(),
    authenticated: app.config.enable_authenticated_media,
    urlCache: null,
    sha256: file.sha256,
  };
  // Another process may have been faster; its file stays, under another name.
  await storeNew(app, file, { row, kind: "remote" });
}

/** What another server says is passed on as far as it is about the media; the rest is our failure to get at it. */
function explain(error: unknown): never {
  if (error instanceof FederationDeniedError) throw error;
  if (error instanceof FederationError && error.status === 404) throw notFound("Not found");
  if (error instanceof FederationError && error.errcode === "M_NOT_YET_UPLOADED") throw new MatrixError(504, error.errcode, error.message);
  throw failed(error instanceof Error ? error.message : String(error));
}

/** First as servers ask since version 1.11 of the specification, then as anybody could before. */
async function openRemote(app: MediaApp, wanted: Wanted): Promise<Incoming> {
  const { client } = app.federation;
  const { origin, timeoutMs } = wanted;
  const mediaId = encodeURIComponent(wanted.mediaId);
  try {
    const path = `/_matrix/federation/v1/media/download/${mediaId}`;
    const answer = await client.open(origin, path, { signature: "signed", query: { timeout_ms: timeoutMs } });
    return await inMultipart(app, answer);
  } catch (error) {
    if (!isUnknownEndpoint(error)) throw error;
  }
  const query = { allow_remote: "false", allow_redirect: "true", timeout_ms: timeoutMs };
  const old = (version: string): string => `/_matrix/media/${version}/download/${encodeURIComponent(origin)}/${mediaId}`;
  const answer = await client.open(origin, old("v3"), { signature: "unsigned", query }).catch((error: unknown) => {
    if (!isUnknownEndpoint(error)) throw error;
    return client.open(origin, old("r0"), { signature: "unsigned", query });
  });
  return plainOrRedirected(app, answer);
}

/** Old servers know the path as little as proxies before them do. */
function isUnknownEndpoint(error: unknown): boolean {
  if (!(error instanceof FederationError)) return false;
  return (
    (error.status === 404 && error.answer === undefined) || (error.errcode === "M_UNRECOGNIZED" && [400, 404, 405].includes(error.status))
  );
}

interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: Readable;
}

async function inMultipart(app: MediaApp, answer: Answer): Promise<Incoming> {
  const drop = dropping(answer.body);
  const boundary = boundaryOf(answer.header("content-type") ?? "");
  try {
    if (boundary === undefined) throw new Error("the answer is not multipart");
    const { headers, body } = await secondPart(answer.body, boundary);
    const location = headers.get("location");
    if (location !== undefined) {
      drop();
      return await elsewhere(app, new URL(location));
    }
    return { body, length: undefined, contentType: headers.get("content-type"), disposition: headers.get("content-disposition"), drop };
  } catch (error) {
    drop();
    throw error;
  }
}

async function plainOrRedirected(app: MediaApp, answer: Answer): Promise<Incoming> {
  const location = answer.header("location");
  if (answer.status < 300) return plain(answer);
  dropping(answer.body)();
  if (location === undefined) throw new Error("redirected to nowhere");
  return elsewhere(app, new URL(location));
}

/** Where a server keeps its media outside of itself, such as a content network. Nothing there is signed. */
async function elsewhere({ media: { web } }: MediaApp, url: URL): Promise<Incoming> {
  const answer = await web.get(url);
  if (answer.status === 200) return plain(answer);
  dropping(answer.body)();
  throw new Error(`status ${answer.status} where it was redirected to`);
}

function plain({ header, body }: Answer): Incoming {
  return {
    body,
    length: numberOf(header("content-length")),
    contentType: header("content-type"),
    disposition: header("content-disposition"),
    drop: dropping(body),
  };
}

const dropping = (body: Readable) => (): void => void (body.readableEnded ? undefined : body.on("error", () => undefined).destroy());
