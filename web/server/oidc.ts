/** Sign-in with OpenID Connect providers: discovery, PKCE, a nonce, and ID tokens verified by the provider's keys. */
import type { AuthContext, BetterAuthOptions, BetterAuthPlugin } from "better-auth";
import { APIError, createAuthMiddleware } from "better-auth/api";
import {
  createAuthorizationURL,
  validateAuthorizationCode,
  verifyProviderIdToken,
  type OAuthProvider,
} from "better-auth/oauth2";
import { createRemoteJWKSet, decodeJwt } from "jose";

import { isPicture, nameFrom, requireFresh } from "./accounts";
import type { OidcProvider, Settings } from "./settings";

export const SIGN_IN_ELSEWHERE_PATH = "/sign-in/social";
export const LINK_PATH = "/link-social";
export const UNLINK_PATH = "/unlink-account";
export const CALLBACK_PATHS = "/callback/";
/** Better Auth's ways to what a provider gave: nothing of that is kept, and nobody needs it. */
export const PROVIDER_TOKEN_PATHS: readonly string[] = ["/get-access-token", "/refresh-token", "/account-info"];

const SCOPES_DEFAULT: readonly string[] = ["openid", "email", "profile"];
const ANSWER_MILLISECONDS_MAX = 5_000;
/** With a key that is public: a shared secret, or none at all, proves nothing of who signed. */
const SIGNED_BY_KEY = /^((RS|PS|ES)(256|384|512)|EdDSA|Ed25519)$/;

type Claims = Readonly<Record<string, unknown>>;
type Discovered = Readonly<{
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  jwks_uri: string;
  userinfo_endpoint?: string;
  id_token_signing_alg_values_supported?: readonly string[];
  token_endpoint_auth_methods_supported?: readonly string[];
}>;

/** An account here is linked by who is signed in to it, and never because a provider names its address. */
export function linking(settings: Settings): NonNullable<BetterAuthOptions["account"]> {
  return {
    updateAccountOnSignIn: false,
    accountLinking: {
      disableImplicitLinking: true,
      trustedProviders: settings.oidcProviders.map(({ id }) => id),
      allowDifferentEmails: true,
    },
  };
}

/** For the hooks of Better Auth's table of accounts: who signs in there is kept, what that would open is not. */
export async function withoutTokens<Account extends object>(account: Account) {
  return { data: { ...account, accessToken: null, refreshToken: null, idToken: null } };
}

/**
 * Every sign-in begins with discovery: so addresses and keys are the provider's of now, and one that is away is told
 * before the browser leaves. Better Auth's own plugin asks once, when the server starts, and waits for as long as it takes.
 */
export function oidc(settings: Settings) {
  const find = (id: unknown) => settings.oidcProviders.find((provider) => provider.id === id);
  return {
    id: "oidc",
    hooks: {
      before: [
        {
          matcher: ({ path }) => path === SIGN_IN_ELSEWHERE_PATH || path === LINK_PATH,
          handler: createAuthMiddleware(async (ctx) => {
            const { provider: id, idToken } = (ctx.body ?? {}) as { provider?: unknown; idToken?: unknown };
            // One that somebody brings along was not asked for here: neither nonce nor PKCE bind it to this browser.
            if (idToken !== undefined) throw new APIError("BAD_REQUEST", { code: "INVALID_TOKEN" });
            if (ctx.path === LINK_PATH) await requireFresh(ctx);
            const provider = find(id);
            if (provider !== undefined) await know(ctx.context, provider, settings);
          }),
        },
        {
          // The sign-in may have begun at another replica.
          matcher: ({ path }) => path?.startsWith(CALLBACK_PATHS) ?? false,
          handler: createAuthMiddleware(async ({ params, context }) => {
            const provider = find((params as { id?: unknown } | undefined)?.id);
            if (provider === undefined || context.socialProviders.some(({ id }) => id === provider.id)) return;
            await know(context, provider, settings);
          }),
        },
      ],
    },
  } satisfies BetterAuthPlugin;
}

async function know({ socialProviders, internalAdapter }: AuthContext, config: OidcProvider, settings: Settings) {
  const provider = await discover(config, settings, async (accountId) => {
    const owner = await internalAdapter.findAccountOwnerByKey({ providerId: config.id, accountId });
    return owner?.kind === "owned" ? owner.user.email : undefined;
  });
  const at = socialProviders.findIndex(({ id }) => id === provider.id);
  socialProviders.splice(at < 0 ? socialProviders.length : at, at < 0 ? 0 : 1, provider);
}

/** The address of the account here that somebody has connected; by what the provider calls them. */
type AddressOf = (accountId: string) => Promise<string | undefined>;

/** Raises `APIError` 503 where the provider does not answer, or does not answer as itself. */
export async function discover(provider: OidcProvider, { signUp }: Pick<Settings, "signUp">, addressOf: AddressOf) {
  const address = `${withoutSlash(provider.issuer)}/.well-known/openid-configuration`;
  const found = await fetchJson(address).catch(() => null);
  // Else one provider could pass for another (OpenID Connect Discovery 1.0, section 4.3).
  if (isDiscovered(found) && withoutSlash(found.issuer) === withoutSlash(provider.issuer)) {
    return providerFrom(provider, found, !(provider.signUp ?? signUp === "open"), addressOf);
  }
  console.warn(JSON.stringify({ event: "oidc.provider_unavailable", provider: provider.id, answered: found !== null }));
  throw new APIError("SERVICE_UNAVAILABLE", { code: "PROVIDER_UNAVAILABLE", message: "The provider does not answer." });
}

function isDiscovered(found: Claims | null): found is Discovered & Claims {
  const addresses = [found?.authorization_endpoint, found?.token_endpoint, found?.jwks_uri];
  return typeof found?.issuer === "string" && addresses.every((one) => typeof one === "string" && URL.canParse(one));
}

function providerFrom(config: OidcProvider, found: Discovered, disableSignUp: boolean, addressOf: AddressOf) {
  const options = { clientId: config.clientId, clientSecret: config.clientSecret };
  const algorithms = found.id_token_signing_alg_values_supported?.filter((one) => SIGNED_BY_KEY.test(one)) ?? ["RS256"];
  const provider: OAuthProvider = {
    id: config.id,
    name: config.name,
    issuer: found.issuer,
    accountSubject: ({ profile }) => String((profile as Claims).sub),
    requiresIdTokenNonce: true,
    options: { disableSignUp },
    idToken: {
      jwks: createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: ANSWER_MILLISECONDS_MAX }),
      issuer: found.issuer,
      audience: config.clientId,
      algorithms,
      verifyClaims: ({ azp }) => azp === undefined || azp === config.clientId,
    },
    // Of what a page may ask for besides (scopes, parameters), nothing is passed on.
    createAuthorizationURL: ({ state, codeVerifier, idTokenNonce, redirectURI }) =>
      createAuthorizationURL({
        id: config.id,
        options,
        authorizationEndpoint: found.authorization_endpoint,
        scopes: [...(config.scopes ?? SCOPES_DEFAULT)],
        state,
        codeVerifier,
        redirectURI,
        ...(idTokenNonce !== undefined && { nonce: idTokenNonce }),
      }),
    validateAuthorizationCode: ({ code, codeVerifier, redirectURI }) =>
      validateAuthorizationCode({
        code,
        redirectURI,
        options,
        tokenEndpoint: found.token_endpoint,
        tokenEndpointAuth: { method: clientAuthentication(config, found) },
        ...(codeVerifier !== undefined && { codeVerifier }),
      }),
    getUserInfo: async ({ idToken, accessToken, expectedIdTokenNonce: nonce }) => {
      if (!idToken || !nonce || !(await verifyProviderIdToken(provider, idToken, nonce))) return null;
      const data = await profileOf(decodeJwt(idToken), found.userinfo_endpoint, accessToken);
      if (data === null) return null;
      const user = userFrom(config, data);
      // Who is known already needs no address that anybody vouches for: Better Auth wants one all the same.
      return { user: { ...user, email: user.email ?? (await addressOf(String(data.sub))) }, data };
    },
  };
  return provider;
}

/** Where a provider takes both, the specification's default; `token_endpoint_auth` is for one that takes neither as it says. */
function clientAuthentication({ clientSecret, tokenEndpointAuth }: OidcProvider, found: Discovered) {
  if (clientSecret === undefined) return "none";
  const takesBasic = found.token_endpoint_auth_methods_supported?.includes("client_secret_basic") ?? true;
  return tokenEndpointAuth ?? (takesBasic ? "client_secret_basic" : "client_secret_post");
}

/** The claims of the ID token; with those of the userinfo endpoint where the token does not name an address. */
async function profileOf(claims: Claims, endpoint: string | undefined, accessToken: string | undefined) {
  if (claims.email !== undefined || endpoint === undefined) return claims;
  const told = await fetchJson(endpoint, { authorization: `Bearer ${accessToken}` }).catch(() => null);
  // The answer is about whom the token is about (OpenID Connect Core 1.0, section 5.3.2).
  return told === null || told.sub !== claims.sub ? null : { ...told, ...claims };
}

/**
 * What is taken from a profile. An address counts only if the provider vouches for it: without that it is left out,
 * and Better Auth refuses, before it looks whether there is an account with it.
 */
export function userFrom({ trustsEmail }: Pick<OidcProvider, "trustsEmail">, profile: Claims) {
  const isVouchedFor = trustsEmail || profile.email_verified === true || profile.email_verified === "true";
  const email = typeof profile.email === "string" && isVouchedFor ? profile.email : undefined;
  const { picture } = profile;
  return {
    email,
    emailVerified: email !== undefined,
    name: nameFrom(profile.name, profile.preferred_username, email?.split("@")[0]),
    ...(isPicture(picture) && { image: String(picture) }),
  };
}

async function fetchJson(address: string, headers: Record<string, string> = {}): Promise<Claims | null> {
  const response = await fetch(address, {
    headers: { accept: "application/json", ...headers },
    signal: AbortSignal.timeout(ANSWER_MILLISECONDS_MAX),
  });
  if (!response.ok) return null;
  return Object(await response.json()) as Claims;
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, "");
}
