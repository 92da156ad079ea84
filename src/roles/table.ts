/** Families of route groups: the part of a group's name before the dot. */
export const allFamilies = [
  "client",
  "admin",
  "federation",
  "keys",
  "media",
  "openid",
  "consent",
  "wellknown",
  "pages",
  "metrics",
  "health",
  "replication",
] as const;
export type Family = (typeof allFamilies)[number];

/** What runs beside the answering of requests. Each is also a duty for which processes stand (replication/ownership). */
export const allServices = [
  "federation_sender",
  "pusher",
  "appservice_sender",
  "user_directory",
  "background",
  "media_jobs",
  "auto_accept_invites",
] as const;
export type ServiceName = (typeof allServices)[number];

export interface Role {
  /** Families that listeners may ask for. Nothing depends on where a request arrives: what has an owner is handed to it. */
  readonly families: readonly Family[];
  /** Services that the role brings along where the operator's file names no instance. */
  readonly services: readonly ServiceName[];
  /** Whether the role has the media repository even with `enable_media_repo: false`. */
  readonly media?: true;
}

const worker: Role = { families: allFamilies, services: [] };

/** `worker_app` without "synapse.app.": the roles, among them names of older days that mean a generic worker. */
export const roles = {
  main: { families: allFamilies, services: allServices },
  generic_worker: worker,
  pusher: { ...worker, services: ["pusher"] },
  appservice: { ...worker, services: ["appservice_sender"] },
  federation_sender: { ...worker, services: ["federation_sender"] },
  media_repository: { ...worker, services: ["media_jobs"], media: true },
  user_dir: { ...worker, services: ["user_directory"] },
  frontend_proxy: worker,
  client_reader: worker,
  event_creator: worker,
  federation_reader: worker,
  synchrotron: worker,
} as const satisfies Record<string, Role>;
export type RoleName = keyof typeof roles;

export function isRoleName(name: string): name is RoleName {
  return Object.hasOwn(roles, name);
}
