import type { Config } from "../config/config";
import { ANYBODY } from "../replication/leases";
import type { ServiceName } from "./table";

export interface Duty {
  /** Instances that may have the duty. Of several, each has the keys that fall to it. */
  readonly instances: readonly string[];
  /** The key that gives the duty away, for messages. */
  readonly option: string;
  /** The old switch of the main process, where there is one. */
  readonly mainSwitch?: string;
}

const main = (name: string): string => (name === "master" ? "main" : name);

/**
 * As Synapse: who is named has it; else the main process, unless its switch is off. Then old files don't say who has it:
 * whoever of the fitting role starts.
 */
function given(option: string, names: readonly (string | undefined)[], onMain: { readonly key?: string; readonly value: boolean }): Duty {
  const named = names.filter((name) => name !== undefined).map(main);
  const instances = named.length > 0 ? [...new Set(named)] : [onMain.value ? "main" : ANYBODY];
  return { instances, option, ...(named.length === 0 && onMain.key !== undefined ? { mainSwitch: onMain.key } : {}) };
}

/** Who has which duty, as far as this process's configuration tells. */
export function duties(config: Config): Record<ServiceName, Duty> {
  return {
    federation_sender: given("federation_sender_instances", config.federation_sender_instances, {
      key: "send_federation",
      value: config.send_federation,
    }),
    pusher: given("pusher_instances", config.pusher_instances, { key: "start_pushers", value: config.start_pushers }),
    appservice_sender: given("notify_appservices_from_worker", [config.notify_appservices_from_worker], {
      key: "notify_appservices",
      value: config.notify_appservices,
    }),
    user_directory: given("update_user_directory_from_worker", [config.update_user_directory_from_worker], {
      key: "update_user_directory",
      value: config.update_user_directory,
    }),
    background: given("run_background_tasks_on", [config.run_background_tasks_on], { value: true }),
    media_jobs: given("media_instance_running_background_jobs", [config.media_instance_running_background_jobs], {
      value: config.enable_media_repo,
    }),
    auto_accept_invites: given("auto_accept_invites.worker_to_run_on", [config.auto_accept_invites.worker_to_run_on], { value: true }),
  };
}
