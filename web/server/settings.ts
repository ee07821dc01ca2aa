/** The web app's settings, from the environment: the only file that reads it. */
import { readFileSync } from "node:fs";

export type Settings = Readonly<{
  databaseUrl: string;
  /** A direct (unpooled) address for migrations; the pooled one where there is no other. */
  databaseDirectUrl: string;
  authSecret: string;
  /** Earlier secrets: they still decrypt what was encrypted with them, and sign nothing. */
  authSecretsPrevious: readonly string[];
  /** The origin that browsers use, without a slash at its end. */
  publicOrigin: string;
  jwtIssuer: string;
  jwtAudience: string;
  authEdgeUrl: string;
  streamRelayUrl: string;
  /** What auth_edge knows the web app by, when it notes sign-ins and the like; without it they are not noted. */
  webAuditSecret: string | undefined;
  /** Where e-mails are handed in, and whom they come from; without it none are sent, and pages say what to do. */
  mail: MailSettings | undefined;
  /** `invited`: an account is made with an invitation of an operator alone (`natter users invite`). */
  signUp: "open" | "invited";
  oidcProviders: readonly OidcProvider[];
  /** Nobody signs in with a password before their address is confirmed. */
  requiresConfirmedEmail: boolean;
  /** Where browsers send and fetch files themselves (FILE_STORE_PUBLIC_URL of the services); undefined: nowhere. */
  filesOrigin: string | undefined;
  /** A reverse proxy of ours is in front, and adds the client's address to `X-Forwarded-For`. */
  trustsForwardedFor: boolean;
}>;

/** An OpenID Connect provider with which people sign in; `id` is in its redirect address. */
export type OidcProvider = Readonly<{
  id: string;
  name: string;
  issuer: string;
  clientId: string;
  clientSecret: string | undefined;
  scopes: readonly string[] | undefined;
  /** How the secret is sent, where the provider's own word for it does not hold. */
  tokenEndpointAuth: "client_secret_basic" | "client_secret_post" | undefined;
  /** Its addresses count as confirmed although it does not say so: an operator's word for a provider of their own. */
  trustsEmail: boolean;
  /** Whether it makes accounts; undefined: as sign-up is. */
  signUp: boolean | undefined;
}>;

export type MailSettings = Readonly<{ smtpUrl: string; from: string }>;

/** Which `<openai-chatkit>` the page loads: ours, or the one from OpenAI's CDN. */
export type ChatkitElement = Readonly<{ source: "natter" } | { source: "openai"; domainKey: string }>;

export class SettingsError extends Error {
  override name = "SettingsError";
}

/** `NATTER_FOO` for a key; computed, so that the build never inlines a value that is known only at start. */
function read(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === "" ? undefined : value;
}

function required(name: string): string {
  const value = read(name);
  if (value === undefined) throw new SettingsError(`${name} is not set: the web app cannot run without it`);
  return value;
}

function origin(name: string, value: string): string {
  if (!URL.canParse(value)) throw new SettingsError(`${name} is not a URL: ${value}`);
  return value.replace(/\/+$/, "");
}

const AUTH_SECRET_CHARACTERS_MIN = 32;

function oneOf<Value extends string>(name: string, values: readonly [Value, ...Value[]]): Value {
  const value = read(name) ?? values[0];
  const found = values.find((one) => one === value);
  if (found === undefined) throw new SettingsError(`${name} is one of ${values.join(", ")}`);
  return found;
}

/** The URL holds a password, so no error repeats it. */
function readMail(): MailSettings | undefined {
  const smtpUrl = read("NATTER_SMTP_URL");
  const from = read("NATTER_MAIL_FROM");
  if (smtpUrl === undefined && from === undefined) return undefined;
  if (smtpUrl === undefined || !/^smtps?:\/\/./.test(smtpUrl) || !URL.canParse(smtpUrl)) {
    throw new SettingsError("NATTER_SMTP_URL is smtp://user:password@host:587 or smtps://…, with NATTER_MAIL_FROM");
  }
  if (from === undefined || !from.includes("@")) {
    throw new SettingsError("NATTER_MAIL_FROM is whom e-mails come from, with NATTER_SMTP_URL: Natter <natter@example.org>");
  }
  return { smtpUrl, from };
}

const TOKEN_ENDPOINT_AUTH = ["client_secret_basic", "client_secret_post"] as const;
const PROVIDER_KEYS = new Set(
  "id name issuer client_id client_secret scopes trust_email sign_up token_endpoint_auth".split(" "),
);
const PROVIDER_ID = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** A JSON list, or the path of a file with it; it holds secrets, so no error repeats it. */
function readOidcProviders(): readonly OidcProvider[] {
  const value = read("NATTER_OIDC_PROVIDERS")?.trim();
  if (value === undefined) return [];
  const providers = parseProviders(value).map(readProvider);
  const ids = providers.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw new SettingsError("NATTER_OIDC_PROVIDERS names an id twice");
  return providers;
}

function parseProviders(value: string): readonly Record<string, unknown>[] {
  try {
    const parsed: unknown = JSON.parse(value.startsWith("[") ? value : readFileSync(value, "utf8"));
    if (Array.isArray(parsed)) return parsed.map((one) => Object(one) as Record<string, unknown>);
  } catch {
    // said below
  }
  throw new SettingsError("NATTER_OIDC_PROVIDERS is a JSON list, or the path of a file with one");
}

function readProvider(given: Record<string, unknown>): OidcProvider {
  const unknown = Object.keys(given).find((name) => !PROVIDER_KEYS.has(name));
  if (unknown !== undefined) throw new SettingsError(`NATTER_OIDC_PROVIDERS: ${unknown} is not known`);
  const text = (name: string) => (typeof given[name] === "string" && given[name] !== "" ? given[name] : undefined);
  const [id, issuer, clientId] = [text("id"), text("issuer"), text("client_id")];
  const isComplete = id !== undefined && PROVIDER_ID.test(id) && id !== "credential" && clientId !== undefined;
  if (!isComplete || issuer === undefined || !isSafeIssuer(issuer)) {
    throw new SettingsError(
      "NATTER_OIDC_PROVIDERS: each has an id (a-z, 0-9, -), an issuer (https, or http on this machine) and a client_id",
    );
  }
  return {
    id,
    name: text("name") ?? id,
    issuer,
    clientId,
    clientSecret: text("client_secret"),
    scopes: Array.isArray(given.scopes) ? given.scopes.map(String) : undefined,
    tokenEndpointAuth: TOKEN_ENDPOINT_AUTH.find((method) => method === given.token_endpoint_auth),
    trustsEmail: given.trust_email === true,
    signUp: typeof given.sign_up === "boolean" ? given.sign_up : undefined,
  };
}

function isSafeIssuer(issuer: string): boolean {
  if (!URL.canParse(issuer)) return false;
  const { protocol, hostname } = new URL(issuer);
  return protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "localhost"].includes(hostname));
}

function readConfirmation(mail: MailSettings | undefined): boolean {
  const isRequired = oneOf("NATTER_EMAIL_CONFIRMATION", ["optional", "required"]) === "required";
  if (isRequired && mail === undefined) throw new SettingsError("NATTER_EMAIL_CONFIRMATION=required needs NATTER_SMTP_URL");
  return isRequired;
}

function readFilesOrigin(): string | undefined {
  const url = read("FILE_STORE_PUBLIC_URL");
  return url === undefined ? undefined : new URL(origin("FILE_STORE_PUBLIC_URL", url)).origin;
}

export function readSettings(): Settings {
  const authSecret = required("BETTER_AUTH_SECRET");
  if (authSecret.length < AUTH_SECRET_CHARACTERS_MIN) {
    throw new SettingsError(`BETTER_AUTH_SECRET needs at least ${AUTH_SECRET_CHARACTERS_MIN} characters`);
  }
  const databaseUrl = required("DATABASE_URL");
  const mail = readMail();
  return {
    databaseUrl,
    databaseDirectUrl: read("DATABASE_DIRECT_URL") ?? databaseUrl,
    authSecret,
    authSecretsPrevious: (read("BETTER_AUTH_SECRETS_PREVIOUS") ?? "").split(/[\s,]+/).filter(Boolean),
    publicOrigin: origin("BETTER_AUTH_URL", read("BETTER_AUTH_URL") ?? "http://127.0.0.1:3000"),
    jwtIssuer: read("NATTER_JWT_ISSUER") ?? "natter",
    jwtAudience: read("NATTER_JWT_AUDIENCE") ?? "natter",
    authEdgeUrl: origin("AUTH_EDGE_URL", read("AUTH_EDGE_URL") ?? "http://127.0.0.1:8000"),
    streamRelayUrl: origin("STREAM_RELAY_URL", read("STREAM_RELAY_URL") ?? "http://127.0.0.1:8001"),
    webAuditSecret: read("WEB_AUDIT_SECRET"),
    mail,
    signUp: oneOf("NATTER_SIGN_UP", ["open", "invited"]),
    oidcProviders: readOidcProviders(),
    requiresConfirmedEmail: readConfirmation(mail),
    filesOrigin: readFilesOrigin(),
    trustsForwardedFor: read("NATTER_TRUST_FORWARDED_FOR") === "1",
  };
}

let settings: Settings | undefined;

/** Read once, on first use: importing a module must not need an environment (`next build` has none). */
export function getSettings(): Settings {
  settings ??= readSettings();
  return settings;
}

export function getChatkitElement(): ChatkitElement {
  if (read("NEXT_PUBLIC_CHATKIT") !== "openai") return { source: "natter" };
  const domainKey = required("NEXT_PUBLIC_CHATKIT_DOMAIN_KEY");
  return { source: "openai", domainKey };
}

/** Whether spans go to a collector, by OpenTelemetry's own variables; its SDK reads the others of them. */
export function namesCollector(): boolean {
  const isDisabled = read("OTEL_SDK_DISABLED")?.toLowerCase() === "true";
  return !isDisabled && read("OTEL_EXPORTER_OTLP_ENDPOINT") !== undefined;
}
