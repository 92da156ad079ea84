import type { App } from "../handlers/app";
import { retainMedia } from "../handlers/media/retention";

const EVERY_MS = 3_600_000;

/** Tidies the media repository up, on the process that stands for `media_jobs`. Gives the way to stop it. */
export function startMediaJobs(app: App): () => void {
  const timer = setInterval(() => {
    if (app.ownership.isMine("media_jobs")) app.background("media_retention", () => retainMedia(app));
  }, EVERY_MS).unref();
  return () => clearInterval(timer);
}
