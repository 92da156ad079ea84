import { loadAppServices } from "./appservices";
import type { Config } from "./config";
import type { LoadContext } from "./context";
import { resolveDatabase } from "./database";
import { loadLogConfig, loadSigningKeys, loadTls, secretFromKey, signingKeyPath } from "./keyFiles";
import { completeListeners } from "./listeners";
import type { ConfigValues } from "./types.generated";

/** `main`, or the role which `worker_app` names, freed from the name of Synapse's Python package. */
export function roleName(workerApp: string | undefined): string {
  const role = workerApp?.replace(/^synapse\.app\./, "");
  return role === undefined || role === "homeserver" ? "main" : role;
}

/** Synapse calls the main process master in the keys that name instances. */
const instanceName = (name: string): string => (name === "master" ? "main" : name);

/** Fills in what follows from several keys, and reads the files which the configuration names. */
export function derive(values: ConfigValues, context: LoadContext): Config {
  const role = roleName(values.worker_app);
  const isMain = role === "main";
  const name = isMain ? "main" : (values.worker_name ?? role);
  if (!isMain && ["main", "master"].includes(name))
    context.problem({ key: "worker_name", found: name, wanted: "another name: this one means the main process" });
  const config: ConfigValues = { ...values, ...completed(values, context) };
  const listeners = isMain ? config.listeners : config.worker_listeners;
  const signingKeys = loadSigningKeys(config, config.signing_key_path, isMain ? context : { ...context, createMissing: undefined });
  return {
    ...config,
    derived: {
      instanceName: name,
      role,
      publicBaseurl: config.public_baseurl ?? `https://${config.server_name}/`,
      database: resolveDatabase(config, `synapse-ts ${name}`, context),
      listeners,
      tls: loadTls(config, listeners, context),
      signingKeys,
      appServices: loadAppServices(config.app_service_config_files, config.server_name, context),
      log: loadLogConfig(config, isMain, context),
      macaroonSecret: config.macaroon_secret_key ?? secretFromKey("macaroon", signingKeys),
      formSecret: config.form_secret ?? secretFromKey("form", signingKeys),
      configDirectory: context.configDirectories[0] ?? ".",
    },
  };
}

/** Keys whose default depends on others, and keys which are brought into one form. */
function completed(values: ConfigValues, context: LoadContext): Partial<ConfigValues> {
  const writers = Object.entries(values.stream_writers).map(([stream, names]) => [stream, (names as readonly string[]).map(instanceName)]);
  const federationRanges = values.federation_ip_range_blacklist as readonly string[] | undefined;
  return {
    signing_key_path: signingKeyPath(values, context),
    federation_ip_range_blacklist: federationRanges ?? values.ip_range_blacklist,
    listeners: completeListeners(values, "listeners", context),
    worker_listeners: completeListeners(values, "worker_listeners", context),
    stream_writers: Object.fromEntries(writers) as unknown as ConfigValues["stream_writers"],
    run_background_tasks_on: instanceName(values.run_background_tasks_on),
    ...(values.public_baseurl === undefined ? {} : { public_baseurl: values.public_baseurl.replace(/\/*$/, "/") }),
    ...(values.email === undefined ? {} : { email: { ...values.email, smtp_port: mailPort(values.email) } }),
  };
}

/** 25 is the schema's default: with TLS from the start it means the port for that. */
function mailPort(email: { readonly smtp_port: number; readonly force_tls: boolean }): number {
  return email.force_tls && email.smtp_port === 25 ? 465 : email.smtp_port;
}
