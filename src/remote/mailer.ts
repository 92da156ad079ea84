import type { Transporter } from "nodemailer";
import type { EmailConfig } from "../config/types.generated";

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Further ones, such as List-Unsubscribe. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Mailer {
  /** Rejects when the relay does not take the mail. */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** Sends mail through the relay of the `email` section. One connection at a time is made when there is something to send. */
export function createMailer(config: EmailConfig): Mailer {
  const { smtp_user: user, smtp_pass: pass } = config;
  let transport: Promise<Transporter> | undefined;
  const options = {
    host: config.smtp_host,
    port: config.smtp_port,
    secure: config.force_tls,
    requireTLS: config.require_transport_security,
    ignoreTLS: !config.enable_tls && !config.force_tls,
    connectionTimeout: 30_000,
    socketTimeout: 60_000,
    ...(config.tlsname !== undefined && { tls: { servername: config.tlsname } }),
    ...(user !== undefined && { auth: { user, pass: pass ?? "" } }),
  };
  // Loaded only here: most processes never send a mail.
  const connect = (): Promise<Transporter> => import("nodemailer").then(({ createTransport }) => createTransport(options));
  const from = config.notif_from.replaceAll("%(app)s", config.app_name);
  return {
    async send({ to, subject, text, html, headers }) {
      transport ??= connect();
      await (await transport).sendMail({ from, to, subject, text, html, ...(headers && { headers }) });
    },
    close: () => void transport?.then((opened) => opened.close()),
  };
}
