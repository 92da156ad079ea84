import { Lane } from "../../replication/lane";
import type { Db } from "../../storage/db";
import { mentionedEvents } from "../../storage/events";

/** Tells which events are new here. */
export interface Novelty {
  /** Those that are not stored, and that no stored event redacts. What is asked in one turn of the event loop is one statement. */
  freshOf(eventIds: readonly string[]): Promise<ReadonlySet<string>>;
}

interface Question {
  readonly eventIds: readonly string[];
  readonly resolve: (fresh: ReadonlySet<string>) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_QUESTIONS = 100;
const PARALLEL = 4;

export function createNovelty(db: Db): Novelty {
  const lane = new Lane<Question>({
    batch: MAX_QUESTIONS,
    parallel: PARALLEL,
    async run(questions) {
      try {
        const mentioned = new Set(await mentionedEvents(db, [...new Set(questions.flatMap(({ eventIds }) => eventIds))]));
        for (const { eventIds, resolve } of questions) resolve(new Set(eventIds.filter((id) => !mentioned.has(id))));
      } catch (error) {
        for (const { reject } of questions) reject(error);
      }
    },
  });
  return { freshOf: (eventIds) => new Promise((resolve, reject) => lane.push({ eventIds, resolve, reject })) };
}
