// A person at the sign-in pages, in Chromium without script, who reads as a screen reader does: by role and label.
//
// Takes {url, email, password, locale, words, screenshots} as its argument; prints what was seen, step by step.
import { once } from "node:events";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const given = JSON.parse(process.argv[2]);
const { words } = given;

// The application: what the browser brings it is read off the address.
const application = createServer((_, answer) => answer.end("back")).listen(0, "127.0.0.1");
await once(application, "listening");
const callback = `http://127.0.0.1:${application.address().port}/callback`;

function asking(more) {
  const url = new URL(given.url);
  for (const [name, value] of Object.entries({ redirect_uri: callback, scope: "read", ...more })) {
    url.searchParams.set(name, value);
  }
  return url.href;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const seen = [];

async function open(options = {}) {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: given.locale, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const refused = [];
  page.on("console", (message) => refused.push(message.text()));
  return { page, refused };
}

async function look(step, { page, refused }) {
  if (given.screenshots) await page.screenshot({ path: `${given.screenshots}/${given.locale}-${step}.png` });
  seen.push({
    step,
    url: page.url(),
    title: await page.title(),
    language: await page.locator("html").getAttribute("lang"),
    heading: await page.getByRole("heading", { level: 1 }).allInnerTexts(),
    alert: await page.getByRole("alert").allInnerTexts(),
    listed: await page.getByRole("listitem").allInnerTexts(),
    buttons: await page.getByRole("button").allInnerTexts(),
    focused: await page.locator(":focus").evaluateAll((found) => found.map((element) => element.id)),
    wide: await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth),
    refused: refused.splice(0),
  });
}

async function arriving(view, action) {
  const loaded = view.page.waitForEvent("load");
  await action;
  await loaded;
}

async function signIn(view, password) {
  await view.page.getByLabel(words.email).fill(given.email);
  await view.page.getByLabel(words.password).fill(password);
  await arriving(view, view.page.keyboard.press("Enter"));
}

const press = (view, name) => arriving(view, view.page.getByRole("button", { name, exact: true }).click());

const view = await open();
await view.page.goto(asking());
await look("sign_in", view);
await signIn(view, `${given.password}-not`);
await look("wrong_password", view);
await signIn(view, given.password);
await look("consent", view);
await press(view, words.deny);
await look("denied", view);
await view.page.goto(asking());
await press(view, words.allow);
await look("allowed", view);
await view.page.goto(asking());
await look("remembered", view);
await view.page.goto(asking({ scope: "read write" }));
await look("more_asked", view);
await press(view, words.other_account);
await look("signed_out", view);
await view.page.goto(asking({ client_id: "unknown" }));
await look("unknown_client", view);

const small = await open({ viewport: { width: 320, height: 568 }, colorScheme: "dark" });
await small.page.goto(asking({ scope: "read write" }));
await look("sign_in_small_dark", small);
await signIn(small, given.password);
await look("consent_small_dark", small);

await browser.close();
application.close();
console.log(JSON.stringify(seen));
