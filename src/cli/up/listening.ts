import { createConnection } from "node:net";
import type { Config } from "../../config/config";

/** Whether somebody accepts connections there. */
export function accepts(at: { readonly path: string } | { readonly port: number; readonly host: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(at);
    const end = (answer: boolean) => (): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.once("connect", end(true)).once("error", end(false));
  });
}

/** Where somebody on this machine reaches who listens at an address. */
export const reachable = (address: string): string => (address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address);

/** Whether a process of this configuration answers at the first of its listeners. */
export function answersFirst({ derived }: Config): Promise<boolean> {
  const [listener] = derived.listeners;
  if (listener?.path !== undefined) return accepts({ path: listener.path });
  if (listener?.port === undefined) return Promise.resolve(true);
  return accepts({ host: reachable(listener.bind_addresses[0] ?? "127.0.0.1"), port: listener.port });
}
