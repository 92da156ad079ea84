import { stopTestServer } from "./testServer";

export default function globalTeardown(): void {
  const directory = process.env["SYNAPSE_TS_TEST_DIRECTORY"];
  if (directory) stopTestServer(directory);
}
