import type { EmailConfig } from "../../config/types.generated";

/** What a template is given. Texts are escaped where they are shown in a page. */
export type TemplateValues = Readonly<Record<string, unknown>>;

interface TemplateDef {
  /** The key of `email` that names another file. */
  readonly key?: keyof EmailConfig;
  /** Values as they may be, with which each template is tried when the process starts: Synapse's documentation of templates names them. */
  readonly sample: TemplateValues;
}

const link = { app_name: "Matrix", link: "https://matrix.example.com/_matrix/client?token=a&sid=b" };
const refused = { failure_reason: "The token has expired" };
const idp = { idp_id: "cas", idp_name: "CAS", idp_icon: "mxc://example.com/icon", idp_brand: "cas" };
const stage = { session: "session", myurl: "/_matrix/client/v3/auth/stage/fallback/web", error: "Wrong" };

const message = {
  event_type: "m.room.message",
  is_historical: false,
  id: "$event",
  ts: 1_700_000_000_000,
  sender_name: "Alice",
  sender_avatar_url: "mxc://example.com/alice",
  sender_hash: 1_000,
  msgtype: "m.text",
  body_text_html: "Hello &amp;",
  body_text_plain: "Hello &",
  image_url: "mxc://example.com/image",
};
const messages = ["m.text", "m.emote", "m.notice", "m.image", "m.file"].map((msgtype) => ({ ...message, msgtype }));
const bare = { ...message, event_type: "m.room.encrypted", sender_avatar_url: null, msgtype: null, body_text_html: null };
const room = { title: "Room", hash: 7, invite: false, link: "https://matrix.to/#/!room", avatar_url: "mxc://example.com/room" };
const activity = {
  app_name: "Matrix",
  user_display_name: "Bob",
  unsubscribe_link: "https://matrix.example.com/_synapse/client/unsubscribe?a=b&c=d",
  summary_text: "[Matrix] You have messages",
  rooms: [
    { ...room, notifs: [{ link: "https://matrix.to/#/!room/$event", ts: 1_700_000_000_000, messages: [...messages, bare] }] },
    { ...room, avatar_url: null, invite: true, notifs: [] },
  ],
  reason: {
    room_id: "!room",
    room_name: "Room",
    now: 1_700_000_600_000,
    received_at: 1_700_000_000_000,
    delay_before_mail_ms: 600_000,
    last_sent_ts: 1_600_000_000_000,
    throttle_ms: 600_000,
  },
};

/** Templates that an operator may have, as Synapse names them: those of mails and pages that there are here. */
export const templateDefs = {
  "notif_mail.html": { key: "notif_template_html", sample: activity },
  "notif_mail.txt": { key: "notif_template_text", sample: activity },
  "password_reset.html": { key: "password_reset_template_html", sample: link },
  "password_reset.txt": { key: "password_reset_template_text", sample: link },
  "registration.html": { key: "registration_template_html", sample: link },
  "registration.txt": { key: "registration_template_text", sample: link },
  "add_threepid.html": { key: "add_threepid_template_html", sample: link },
  "add_threepid.txt": { key: "add_threepid_template_text", sample: link },
  "password_reset_confirmation.html": {
    key: "password_reset_template_confirmation_html",
    sample: { sid: "sid", token: "token", client_secret: "secret" },
  },
  "password_reset_success.html": { key: "password_reset_template_success_html", sample: {} },
  "password_reset_failure.html": { key: "password_reset_template_failure_html", sample: refused },
  "registration_success.html": { key: "registration_template_success_html", sample: {} },
  "registration_failure.html": { key: "registration_template_failure_html", sample: refused },
  "add_threepid_success.html": { key: "add_threepid_template_success_html", sample: {} },
  "add_threepid_failure.html": { key: "add_threepid_template_failure_html", sample: refused },
  "sso_redirect_confirm.html": {
    sample: {
      redirect_url: "https://client.example.com/?loginToken=x",
      display_url: "https://client.example.com/",
      new_user: false,
      user_id: "@alice:example.com",
      user_profile: { display_name: "Alice", avatar_url: "mxc://example.com/alice" },
    },
  },
  "sso_auth_confirm.html": { sample: { description: "remove a device", redirect_url: "https://cas.example.com/login?x=y", idp } },
  "sso_auth_success.html": { sample: {} },
  "sso_auth_bad_user.html": { sample: { user_id_to_verify: "@alice:example.com" } },
  "sso_account_deactivated.html": { sample: {} },
  "sso_error.html": { sample: { error: "unauthorised", error_description: "You are not allowed to use this server." } },
  "recaptcha.html": { sample: { ...stage, sitekey: "key" } },
  "terms.html": { sample: { ...stage, terms_url: "https://matrix.example.com/_matrix/consent?v=1.0" } },
  "registration_token.html": { sample: stage },
  "auth_success.html": { sample: {} },
} as const satisfies Readonly<Record<string, TemplateDef>>;

export type TemplateName = keyof typeof templateDefs;

export const templateNames = Object.keys(templateDefs) as TemplateName[];

/** The file of a template, relative to the operator's directory. */
export function fileOf(name: TemplateName, email: EmailConfig | undefined): string {
  const { key }: TemplateDef = templateDefs[name];
  const given = key && email?.[key];
  return typeof given === "string" && given !== "" ? given : name;
}
