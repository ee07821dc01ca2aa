/** E-mails about an account, through any SMTP server: what it is about, one link, and what to do if one did not ask. */
import { createTransport, type Transporter } from "nodemailer";

import type { MailSettings } from "./settings";

export type Mail = Readonly<{ subject: string; text: string; link: Readonly<{ label: string; url: string }>; end: string }>;

const TIMEOUT_MILLISECONDS = 10_000;
const CONNECTIONS_MAX = 2;
/** A server that asks to come back later (greylisting) means some minutes. */
const PAUSES_MILLISECONDS: readonly number[] = [1_000, 10_000, 60_000, 300_000];
/** Those on their way; more are given up at once, and told in the log. */
const WAITING_MAX = 500;

export class Mailer {
  private readonly transport: Transporter;
  private waiting = 0;
  private greeting: Promise<boolean> | undefined;

  constructor(
    private readonly settings: MailSettings,
    private readonly pauses = PAUSES_MILLISECONDS,
  ) {
    this.transport = createTransport({
      url: settings.smtpUrl,
      pool: true,
      maxConnections: CONNECTIONS_MAX,
      connectionTimeout: TIMEOUT_MILLISECONDS,
      greetingTimeout: TIMEOUT_MILLISECONDS,
      socketTimeout: TIMEOUT_MILLISECONDS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  /** Tries again for some minutes, then gives up with a line in the log, which names nobody. Never raises. */
  async send(to: string, mail: Mail): Promise<void> {
    if (this.waiting >= WAITING_MAX) return lost("too many are waiting");
    this.waiting += 1;
    try {
      for (const pause of [...this.pauses, undefined]) {
        const failure = await this.attempt(to, mail);
        if (failure === undefined) return;
        if (pause === undefined || failure.isFinal) return lost(failure.why);
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
      }
    } finally {
      this.waiting -= 1;
    }
  }

  /** Whether the server takes e-mails now: it is connected to, and told who we are. Who asks meanwhile has the same answer. */
  async isReachable(): Promise<boolean> {
    this.greeting ??= this.transport
      .verify()
      .then(
        () => true,
        () => false,
      )
      .finally(() => (this.greeting = undefined));
    return this.greeting;
  }

  close(): void {
    this.transport.close();
  }

  private async attempt(to: string, mail: Mail): Promise<{ why: string; isFinal: boolean } | undefined> {
    const message = { from: this.settings.from, to: { name: "", address: to }, subject: mail.subject, ...bodiesOf(mail) };
    const headers = { "Auto-Submitted": "auto-generated" };
    try {
      await this.transport.sendMail({ ...message, headers });
      return undefined;
    } catch (error) {
      const { code, responseCode } = error as { code?: string; responseCode?: number };
      // The server's own words may repeat the address.
      return { why: `${code ?? "error"} ${responseCode ?? ""}`.trim(), isFinal: (responseCode ?? 0) >= 500 };
    }
  }
}

function lost(why: string): void {
  console.error(JSON.stringify({ event: "mail.lost", why }));
}

/** The same twice: plain, and as simple HTML in which everything is escaped. */
export function bodiesOf({ text, link, end }: Mail): { text: string; html: string } {
  const paragraphs = [text, `<a href="${escaped(link.url)}">${escaped(link.label)}</a>`, end];
  const html = paragraphs.map((part, at) => `<p>${at === 1 ? part : escaped(part)}</p>`).join("\n");
  return {
    text: `${text}\n\n${link.label}:\n${link.url}\n\n${end}\n`,
    html: `<!doctype html>\n<html lang="en"><body style="font-family: sans-serif">\n${html}\n</body></html>\n`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}

/** What is secret in a link is behind its `#`: no server sees it, so that no log holds it, and no scanner of mail uses it up. */
export const mails = {
  resetPassword: (origin: string, token: string): Mail => ({
    subject: "A new password for Natter",
    text: "Somebody, probably you, asked for a new password for your account at Natter. The link is good for an hour, and once.",
    link: { label: "Choose a new password", url: `${origin}/reset-password#${token}` },
    end: "If it was not you, do nothing: your password stays as it is.",
  }),
  confirmAddress: (origin: string, token: string): Mail => ({
    subject: "Confirm your address for Natter",
    text: "This address was given for an account at Natter. The link is good for an hour.",
    link: { label: "Confirm this address", url: `${origin}/confirm-email#${token}` },
    end: "If it was not you, do nothing: without the link the address is not used.",
  }),
  confirmChange: (origin: string, token: string, newAddress: string): Mail => ({
    subject: "Your address at Natter is about to change",
    text: `Somebody, probably you, asked to use ${newAddress} for your account at Natter instead of this address. The link is good for an hour.`,
    link: { label: "Allow the change", url: `${origin}/confirm-email#${token}` },
    end: "If it was not you, do not open the link, and change your password: somebody else is signed in to your account.",
  }),
  alreadyThere: (origin: string): Mail => ({
    subject: "You have an account at Natter",
    text: "Somebody, probably you, wanted to make an account at Natter with this address. There is one already.",
    link: { label: "Choose a new password if you have forgotten yours", url: `${origin}/forgot-password` },
    end: "If it was not you, do nothing.",
  }),
};
