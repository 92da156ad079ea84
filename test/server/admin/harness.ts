import { createFederated } from "../federation/harness";
import type { Federated } from "../federation/harness";
import type { Answer, Client } from "../rooms/harness";
import { eventually } from "../../builders/eventually";

export interface Administered extends Federated {
  readonly admin: Client;
  /** A call of an administrator. Paths are relative to /_synapse/admin. */
  manage(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Purges history and waits for the end; gives the status. */
  purge(path: string, body?: unknown): Promise<Answer["body"]>;
}

/** Our server with a user and an administrator, and another server. */
export async function createAdministered(): Promise<Administered> {
  const federated = await createFederated();
  const { app } = federated.server;
  const admin = await federated.server.client("admin");
  await app.db`update users set admin = true where user_id = ${admin.userId}`;
  app.accounts.forgetAccount(admin.userId);
  const manage = (method: string, path: string, body?: unknown) => admin.call(method, `/_synapse/admin${path}`, body);
  return {
    ...federated,
    admin,
    manage,
    async purge(path, body = {}) {
      const begun = await manage("POST", `/v1/purge_history/${path}`, body);
      if (begun.status !== 200) throw new Error(JSON.stringify(begun));
      let status: Answer["body"];
      await eventually(async () => {
        ({ body: status } = await manage("GET", `/v1/purge_history_status/${begun.body.purge_id}`));
        return status.status !== "active";
      });
      return status;
    },
  };
}
