import type { Clock } from "../lib/clock";

/** The digests of one process are at least so far apart. Half of it goes by before somebody who reads them hears of a row. */
export const DIGEST_MS = 100;
const MAX_CHARACTERS = 4_000_000;

/** One message among the many of a digest: the lengths of channel and text, then both as they are, so that nothing is escaped. */
export function digestSection(channel: string, text: string): string {
  return `${channel.length} ${text.length} ${channel}${text}`;
}

/** Channel and text of each message. Ends where the digest isn't one. */
export function* decodeDigest(digest: string): Generator<readonly [channel: string, text: string]> {
  for (let at = 0; at < digest.length;) {
    const first = digest.indexOf(" ", at);
    const second = digest.indexOf(" ", first + 1);
    const from = second + 1;
    const to = from + Number(digest.slice(at, first));
    const end = to + Number(digest.slice(first + 1, second));
    if (first < 0 || second < 0 || !(end > at) || end > digest.length) return;
    yield [digest.slice(from, to), digest.slice(to, end)];
    at = end;
  }
}

/** Collects messages and sends them together. */
export class Digest {
  private sections: string[] = [];
  private size = 0;
  private sentAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly clock: Pick<Clock, "now" | "monotonic">,
    private readonly send: (digest: string) => void,
  ) {}

  add(channel: string, text: string): void {
    this.sections.push(digestSection(channel, text));
    this.size += text.length;
    if (this.size > MAX_CHARACTERS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), this.delay()).unref();
  }

  /** Sends what there is. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.sections.length === 0) return;
    this.sentAt = this.clock.monotonic();
    this.send(this.sections.join(""));
    this.sections = [];
    this.size = 0;
  }

  /** The first message after a silence goes at once, later ones when those of the other processes go, so that readers are woken once for all. */
  private delay(): number {
    return this.clock.monotonic() - this.sentAt >= DIGEST_MS ? 0 : DIGEST_MS - (this.clock.now() % DIGEST_MS);
  }
}
