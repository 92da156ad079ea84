import type { JsonObject } from "../../lib/json";
import { roomVersions } from "../../rooms/versions";
import type { AccountsApp } from "../auth/accounts";
import { delayLimits } from "../delayedEvents/limits";
import { canChangePassword } from "./password";

/** GET /capabilities: what the configuration lets a user do. */
export function capabilities(app: Pick<AccountsApp, "config">): JsonObject {
  const { config } = app;
  const fixed = [!config.enable_set_displayname && "displayname", !config.enable_set_avatar_url && "avatar_url"].filter(
    (name) => name !== false,
  );
  return {
    "m.room_versions": {
      default: config.default_room_version,
      available: Object.fromEntries(Array.from(roomVersions.values(), ({ id, disposition }) => [id, disposition])),
    },
    "m.change_password": { enabled: canChangePassword(app) },
    "m.set_displayname": { enabled: config.enable_set_displayname },
    "m.set_avatar_url": { enabled: config.enable_set_avatar_url },
    "m.profile_fields": { enabled: true, ...(fixed.length > 0 && { disallowed: fixed }) },
    "m.3pid_changes": { enabled: config.enable_3pid_changes },
    "m.get_login_token": { enabled: config.login_via_existing_session.enabled },
    "m.forget_forced_upon_leave": { enabled: config.forget_rooms_on_leave },
    "org.matrix.msc4140.delayed_events": delayLimits(config),
  };
}
