import type { LoadContext } from "./context";
import type { ConfigValues } from "./types.generated";

/**
 * Modules which something built in stands for; of stores, with what they must be told. Everything else that a file names cannot run here, and a server that
 * silently runs without its spam checker or its logins is worse than one that does not start.
 */
const NATIVE_STORAGE = new Map([
  ["file_system", "directory"],
  ["synapse.rest.media.v1.storage_provider.FileStorageProviderBackend", "directory"],
  ["synapse.media.storage_provider.FileStorageProviderBackend", "directory"],
  ["s3_storage_provider.S3StorageProviderBackend", "bucket"],
] as const);
const NATIVE_MAPPING = new Set([
  "synapse.handlers.oidc.JinjaOidcMappingProvider",
  "synapse.handlers.oidc_handler.JinjaOidcMappingProvider",
  "synapse.handlers.saml.DefaultSamlMappingProvider",
  "synapse.handlers.saml_handler.DefaultSamlMappingProvider",
]);

/** Stores that are not told where to store. */
export function checkStores(config: ConfigValues, context: LoadContext): void {
  config.media_storage_providers.forEach(({ module, config: settings }, index) => {
    const needed = NATIVE_STORAGE.get(module as never);
    if (needed === undefined || settings[needed] !== undefined) return;
    context.problem({ key: `media_storage_providers[${index}].config.${needed}`, wanted: "must be given" });
  });
}

/** Reports modules which nothing here replaces, unless `synapse_ts.skip_modules` says that the server may run without them. */
export function checkModules(config: ConfigValues, context: LoadContext): void {
  for (const { key, name } of namedModules(config)) {
    if (config.synapse_ts.skip_modules.includes(name)) {
      context.warn({ key, wanted: `${name} is skipped, as synapse_ts.skip_modules says` });
      continue;
    }
    context.problem({
      key,
      wanted: `the Python module ${name} cannot run here, and nothing replaces it. Remove it, or list it in synapse_ts.skip_modules to run without it`,
    });
  }
}

interface NamedModule {
  readonly key: string;
  readonly name: string;
}

function namedModules(config: ConfigValues): NamedModule[] {
  const found: NamedModule[] = [];
  for (const key of ["modules", "spam_checker", "password_providers"] as const) {
    config[key].forEach((entry, index) => found.push({ key: `${key}[${index}].module`, name: entry.module }));
  }
  if (config.third_party_event_rules !== undefined)
    found.push({ key: "third_party_event_rules.module", name: config.third_party_event_rules.module });
  config.media_storage_providers.forEach((entry, index) => {
    if (!NATIVE_STORAGE.has(entry.module as never)) found.push({ key: `media_storage_providers[${index}].module`, name: entry.module });
  });
  config.oidc_providers.forEach(({ user_mapping_provider: mapping }, index) => {
    if (!NATIVE_MAPPING.has(mapping.module))
      found.push({ key: `oidc_providers[${index}].user_mapping_provider.module`, name: mapping.module });
  });
  const saml = config.saml2_config?.user_mapping_provider.module;
  if (saml !== undefined && !NATIVE_MAPPING.has(saml)) found.push({ key: "saml2_config.user_mapping_provider.module", name: saml });
  return found;
}
