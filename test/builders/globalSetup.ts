import { planDirectory, removeStale } from "./testServer";

/** Costs nothing where no test needs a database or the program: the first that does makes them (builders/database.ts, builders/program.ts). */
export default function globalSetup(): void {
  removeStale();
  process.env["SYNAPSE_TS_TEST_DIRECTORY"] = planDirectory();
}
