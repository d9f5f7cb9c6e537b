// The tour of a usual jsforce user: https://jsforce.github.io/document/ from top to bottom.

import jsforce from "jsforce";
import { expect, given, refused, step } from "./steps.mjs";

const { url } = given;
const user = { username: "hub@sandbox.example", password: "sandbox-password" };
const oauth2 = { loginUrl: url, clientId: "sandbox-client", clientSecret: "sandbox-secret" };
const day = 86_400_000;

// -- log in -----------------------------------------------------------------------------------------------------------
const conn = new jsforce.Connection({ oauth2, loginUrl: url, version: "62.0" });

await step("log in (OAuth, user and password)", async () => {
  const info = await conn.login(user.username, `${user.password}TOKEN`);
  expect(info.organizationId.startsWith("00D"), "no organization");
});
await step("log in (SOAP, API 60)", async () => {
  const soap = new jsforce.Connection({ loginUrl: url, version: "60.0", logLevel: "NONE" });
  const info = await soap.login(user.username, `${user.password}TOKEN`);
  expect(info.id.startsWith("005") && soap.accessToken, "no session");
  expect((await soap.query("SELECT COUNT() FROM Account")).totalSize > 0, "no accounts");
});
await step("log in (SOAP, API 66: gone)", async () => {
  const soap = new jsforce.Connection({ loginUrl: url, version: "66.0", logLevel: "NONE" });
  await refused("UNSUPPORTED_API_VERSION", () => soap.login(user.username, `${user.password}TOKEN`));
});
await step("log in (client credentials)", async () => {
  const app = new jsforce.Connection({ instanceUrl: url, oauth2, version: "62.0" });
  await app.authorize({ grant_type: "client_credentials" });
  expect((await app.query("SELECT COUNT() FROM Account")).totalSize > 0, "no accounts");
});
await step("log in (wrong password)", () => {
  const wrong = new jsforce.Connection({ oauth2, loginUrl: url });
  return refused("invalid_grant", () => wrong.login(user.username, "wrong"));
});
await step("use an access token", async () => {
  const other = new jsforce.Connection({ instanceUrl: conn.instanceUrl, accessToken: conn.accessToken, version: "62.0" });
  expect((await other.query("SELECT COUNT() FROM Account")).totalSize > 0, "no accounts");
});
await step("identity", async () => {
  const who = await conn.identity();
  expect(who.username === user.username && who.organization_id.startsWith("00D"), JSON.stringify(who));
});
await step("versions", async () => {
  expect((await conn.request("/services/data")).some((each) => each.version === "62.0"), "no version 62.0");
});
