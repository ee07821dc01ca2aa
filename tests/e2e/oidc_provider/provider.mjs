/**
 * panva's oidc-provider on loopback: `node provider.mjs '{"port", "redirect_uri", "client_secret", "claims_in_id_token"}'`.
 * Its keys and what it remembers are new at every start. Who signs in as NAME has the address NAME, and it vouches for
 * that unless NAME begins with "unproven"; any password will do.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import Provider from "oidc-provider";

const { port, redirect_uri, client_secret, claims_in_id_token } = JSON.parse(process.argv[2]);

const client = {
  client_id: "natter",
  redirect_uris: [redirect_uri],
  // Confidential by a secret in the `Authorization` header (the default), else public: PKCE alone.
  ...(client_secret ? { client_secret } : { token_endpoint_auth_method: "none" }),
};

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomBytes(8).toString("hex"), alg: "RS256", use: "sig" };
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client],
  jwks: { keys: [signingKey()] },
  pkce: { required: () => true },
  conformIdTokenClaims: !claims_in_id_token,
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: !id.startsWith("unproven"), name: `${id} elsewhere` }),
  }),
  // Cookies know no ports: two providers on one machine would take each other's.
  cookies: {
    keys: [randomBytes(16).toString("hex")],
    names: { session: `session${port}`, interaction: `interaction${port}`, resume: `resume${port}` },
  },
});

// Its sample pages name a font of another host.
provider.use(async (context, next) => {
  await next();
  if (typeof context.body === "string") context.body = context.body.replace(/@import url\([^)]*\);/, "");
});

provider.listen(port, "127.0.0.1");
