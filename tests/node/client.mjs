// An OAuth client that knows nothing of Hub but its issuer's address.
//
// Takes {issuer, client_id, client_secret?, redirect_uri} as its argument; prints the address that a browser must be
// sent to, reads the address that the browser came back to, and prints what each of its requests gave.
import { createInterface } from "node:readline/promises";
import * as oauth from "openid-client";

const given = JSON.parse(process.argv[2]);
const authentication = given.client_secret ? oauth.ClientSecretBasic(given.client_secret) : oauth.None();
const server = await oauth.discovery(new URL(given.issuer), given.client_id, undefined, authentication, {
  algorithm: "oauth2",
  execute: [oauth.allowInsecureRequests], // the local stack has no certificate
});

const verifier = oauth.randomPKCECodeVerifier();
const state = oauth.randomState();
const url = oauth.buildAuthorizationUrl(server, {
  redirect_uri: given.redirect_uri,
  scope: "read write",
  state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
console.log(url.href);

const input = createInterface({ input: process.stdin });
const cameBackTo = new URL((await input[Symbol.asyncIterator]().next()).value);
input.close();

const tokens = await oauth.authorizationCodeGrant(server, cameBackTo, {
  pkceCodeVerifier: verifier,
  expectedState: state,
});
const refreshed = await oauth.refreshTokenGrant(server, tokens.refresh_token, { scope: "read" });
const answers = { tokens, refreshed };
if (given.client_secret) {
  answers.own = await oauth.clientCredentialsGrant(server, { scope: "read" });
  answers.introspected = await oauth.tokenIntrospection(server, refreshed.access_token);
}
await oauth.tokenRevocation(server, refreshed.refresh_token);
if (given.client_secret) {
  answers.introspected_after = await oauth.tokenIntrospection(server, refreshed.access_token);
}
answers.refused = await oauth.refreshTokenGrant(server, refreshed.refresh_token).then(
  () => null,
  (error) => error.error,
);
console.log(JSON.stringify(answers));
