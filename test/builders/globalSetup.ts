import { planDirectory, removeStale } from "./testServer";

/** Costs nothing where no test needs a database: the first that does starts the server (builders/database.ts). */
export default function globalSetup(): void {
  if (process.env["SYNAPSE_TS_TEST_DATABASE"]) return;
  removeStale();
  process.env["SYNAPSE_TS_TEST_DIRECTORY"] = planDirectory();
}
