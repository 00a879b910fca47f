// The npm libraries that receivers use for Standard Webhooks.
//
// Takes {body (hexadecimal), headers, secret} on stdin; prints whether each library accepts.
import { readFileSync } from "node:fs";
import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

const given = JSON.parse(readFileSync(0, "utf8"));
const body = Buffer.from(given.body, "hex");
// The bytes of a secret in another form are the key.
const key = given.secret.startsWith("whsec_") ? [given.secret] : [Buffer.from(given.secret), { format: "raw" }];

function accepts({ Webhook, WebhookVerificationError }) {
  try {
    new Webhook(...key).verify(body, given.headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

console.log(
  JSON.stringify({ "standardwebhooks (npm)": accepts(standardwebhooks), "svix (npm)": accepts(svix) }),
);
