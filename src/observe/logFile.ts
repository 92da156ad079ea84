import { closeSync, openSync, statSync, writeSync, type Stats } from "node:fs";
import { open, readdir, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Writable } from "node:stream";
import type { Rotation } from "../config/logConfig";
import type { Clock } from "../lib/clock";
import { nextRollover, rolledSuffix, rolledSuffixPattern } from "./logRotation";

export interface LogFileOptions {
  readonly filename: string;
  /** False: the file is emptied at the start. */
  readonly append: boolean;
  readonly rotation: Rotation;
  readonly clock: Clock;
  /** Told when writing fails and when it works again; the lines in between are lost. */
  readonly onTrouble: (message: string) => void;
}

/** A log file. Each write is a batch of whole lines, so files are only ever cut between lines. */
export class LogFile extends Writable {
  private file: FileHandle | undefined;
  private size = 0;
  private inode = 0;
  private rollAt = Infinity;
  private broken = false;

  /** Throws when the file cannot be opened: an operator wants to know that at the start. */
  constructor(private readonly options: LogFileOptions) {
    // One batch at a time; what comes meanwhile is collected in front.
    super({ highWaterMark: 1, decodeStrings: false });
    const { filename, append, rotation, clock } = options;
    const before: Stats | undefined = statSync(filename, { throwIfNoEntry: false });
    closeSync(openSync(filename, append ? "a" : "w", 0o640));
    // Of a file from before this start: its last change says which day it belongs to.
    const since = append && before && before.size > 0 ? before.mtimeMs : clock.now();
    if (rotation.kind === "time") this.rollAt = nextRollover(rotation, since);
  }

  /** For the end of the process. */
  writeSync(text: string): void {
    const fd = openSync(this.options.filename, "a", 0o640);
    writeSync(fd, text);
    closeSync(fd);
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    this.append(bytes).then(
      () => this.recovered(callback),
      (error: Error) => this.failed(error, callback),
    );
  }

  override _final(callback: () => void): void {
    void this.release().then(callback, callback);
  }

  private async append(bytes: Buffer): Promise<void> {
    const { rotation, clock } = this.options;
    if (rotation.kind === "watched" && (await this.wasMoved())) await this.release();
    if (rotation.kind === "time" && clock.now() >= this.rollAt) await this.rollByTime(rotation);
    const file = this.file ?? (await this.openFile());
    const full = rotation.kind === "size" && rotation.maxBytes > 0 && rotation.backups > 0 && this.size + bytes.length > rotation.maxBytes;
    if (full && this.size > 0) {
      await this.rollBySize(rotation.backups);
      return this.append(bytes);
    }
    await file.appendFile(bytes);
    this.size += bytes.length;
  }

  private async openFile(): Promise<FileHandle> {
    const file = await open(this.options.filename, "a", 0o640);
    const { size, ino } = await file.stat();
    Object.assign(this, { file, size, inode: ino });
    return file;
  }

  private async release(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.close();
  }

  private async wasMoved(): Promise<boolean> {
    if (!this.file) return false;
    const now = await stat(this.options.filename).catch(() => undefined);
    return now?.ino !== this.inode;
  }

  private async rollByTime(rotation: Rotation & { kind: "time" }): Promise<void> {
    const { filename, clock } = this.options;
    await this.release();
    const rolled = filename + rolledSuffix(rotation, this.rollAt);
    this.rollAt = nextRollover(rotation, clock.now());
    await rename(filename, rolled).catch(() => undefined);
    if (rotation.backups > 0) await this.dropOld(rolledSuffixPattern(rotation), rotation.backups);
  }

  private async dropOld(suffix: RegExp, keep: number): Promise<void> {
    const directory = dirname(this.options.filename);
    const name = basename(this.options.filename);
    const old = (await readdir(directory)).filter((entry) => entry.startsWith(name) && suffix.test(entry.slice(name.length))).sort();
    await Promise.all(old.slice(0, -keep).map((entry) => unlink(join(directory, entry)).catch(() => undefined)));
  }

  private async rollBySize(backups: number): Promise<void> {
    const { filename } = this.options;
    await this.release();
    for (let i = backups - 1; i >= 0; i--) {
      const from = i === 0 ? filename : `${filename}.${i}`;
      await rename(from, `${filename}.${i + 1}`).catch(() => undefined);
    }
  }

  private recovered(callback: () => void): void {
    if (this.broken) this.options.onTrouble(`log file ${this.options.filename} can be written again`);
    this.broken = false;
    callback();
  }

  private failed(error: Error, callback: () => void): void {
    if (!this.broken) this.options.onTrouble(`log file ${this.options.filename} cannot be written: ${error.message}`);
    this.broken = true;
    void this.release().then(callback, () => callback());
  }
}
